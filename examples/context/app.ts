import { App, HttpError } from '@armature/core'
import { lines } from './log.js'
import { metrics } from './metrics.js'
import { findOrder } from './orders.js'

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  return App.new()
    .get('/orders/:id', async (req) => {
      const order = await findOrder(req.param('id'))
      if (order === undefined) throw HttpError.notFound('no such order')
      return order
    })
    .get('/lines', () => lines)
    .get('/metrics', () => metrics())
}
