import { App, HttpResponse } from '@armature/core'
import { Counter } from './counter.js'
import { page } from './page.js'

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  const counter = new Counter()
  return (
    App.new()
      .get('/', () => HttpResponse.html(page))
      // The id is the count: a client that comes back says which one it had, and is told at once if that has changed.
      .get('/events', (req) =>
        HttpResponse.sse(counter.changes(Number(req.lastEventId ?? -1)), { heartbeat: '10s', retry: '1s' }),
      )
      .post('/increment', () => ({ count: counter.increment() }))
      .get('/watchers', () => ({ watchers: counter.watchers }))
  )
}
