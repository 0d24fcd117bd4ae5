import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, HttpError, Logger } from '@armature/core'

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp(path = join(tmpdir(), `armature-logging-${process.pid}.log`)) {
  const app = App.new({
    log: { format: 'json', level: 'debug', output: { path, maxSize: '1mb', compress: true, keep: 5 } },
  })
    // In the same file: no `output` of its own. /log would log itself.
    .wrap(Logger.new({ fields: ['route'], redact: { query: ['token'] }, skip: ['/log'] }))
    .get('/orders/:id', async (req) => {
      const id = req.param('id')
      const log = req.log.child({ order: id })
      log.debug('looking')
      if (id === '0') {
        log.warn('there is no order %s', id)
        throw HttpError.notFound('no such order')
      }
      return { id, items: 3 }
    })
    .get('/log', () => {
      const lines = readFileSync(path, 'utf8').trim().split('\n')
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    })
  app.onStart(() => app.log.info({ path }, 'starting'))
  return app
}
