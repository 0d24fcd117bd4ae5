import { App, HttpError, HttpResponse, middleware, scope } from '@armature/core'

interface User {
  name: string
}

const users = new Map<string, User>([['Bearer alice', { name: 'Alice' }]])

/** What it puts into `req.locals` is typed in everything that is declared after it. */
const auth = middleware<{ user: User }>(async (req, next) => {
  const user = users.get(req.header('authorization') ?? '')
  if (!user) throw HttpError.unauthorized('send "authorization: Bearer alice"')
  req.locals.user = user
  return next()
})

class NotReady extends Error {}

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  return (
    App.new()
      // Runs around every handler below: code before `next()` on the way in, after it on the way out.
      .wrap(async (_req, next) => {
        const start = performance.now()
        const res = await next()
        return res.header('server-timing', `app;dur=${(performance.now() - start).toFixed(2)}`)
      })
      // Errors of its own become answers; `undefined` leaves the others to the framework.
      .onError((error) =>
        error instanceof NotReady
          ? HttpResponse.serviceUnavailable(error.message, { retryAfter: 5 })
          : undefined,
      )
      .get('/', () => 'open to all\n')
      .get('/report', () => {
        throw new NotReady('the report is being made')
      })
      .service(
        scope('/private')
          .wrap(auth)
          .get('/me', (req) => ({ name: req.locals.user.name, id: req.id })),
      )
      .default((req) => HttpResponse.notFound(`no page ${req.path}`))
  )
}
