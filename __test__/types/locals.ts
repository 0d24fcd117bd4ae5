import {
  App,
  Cors,
  get,
  type HttpRequest,
  type Layer,
  Logger,
  type Middleware,
  middleware,
  type Next,
  post,
  Router,
  scope,
} from '@armature/core'

interface User {
  name: string
}
declare const user: User
const auth = middleware<{ user: User }>(async (req, next) => {
  req.locals.user = user
  return next()
})
const count = middleware<{ count: number }>((req, next) => {
  req.locals.count = 1
  return next()
})
type Strings = Record<string, string>
function needsUser(req: HttpRequest<Strings, { user: User }>) {
  return req.locals.user.name
}

// --- middleware<L>: typed for everything declared after it along the chain ---
App.new()
  .wrap(auth)
  .get('/', (req) => req.locals.user.name)
  .get('/:id', (req) => req.param('id') + req.locals.user.name)
  .post('/', needsUser)
  .route(
    '/x',
    get((req) => req.locals.user.name),
  )
  .route(
    '/x/:id',
    post((req) => req.param('id') + req.locals.user.name),
  )
  .default((req) => req.locals.user.name)
new Router().wrap(auth).get('/', (req) => req.locals.user.name)
scope('/x')
  .wrap(auth)
  .get('/', (req) => req.locals.user.name)

// --- Not before it ---
App.new()
  // @ts-expect-error
  .get('/', (req) => req.locals.user)
  .wrap(auth)
// @ts-expect-error
App.new().get('/', needsUser).wrap(auth)
// @ts-expect-error
App.new().route('/', get(needsUser)).wrap(auth)

// --- Several accumulate; native layers and plain functions change nothing ---
App.new()
  .wrap(Logger.default())
  .wrap(auth)
  .wrap(Cors.permissive())
  .wrap(async (req, next) => {
    req.header(req.locals.user.name)
    return (await next()).header('x-took', '1')
  })
  .wrap(count)
  .get('/', (req) => req.locals.user.name.repeat(req.locals.count))

// --- Middleware may need what another one provides ---
const audit = (req: HttpRequest<Strings, { user: User }>, next: Next) => {
  req.header(req.locals.user.name)
  return next()
}
App.new().wrap(auth).wrap(audit)
// @ts-expect-error
App.new().wrap(audit)
// @ts-expect-error
App.new().wrap((req, next) => (req.locals.user ? next() : undefined))

// --- Middleware may return nothing, and next() takes no arguments ---
App.new().wrap(async (_req, next) => {
  await next()
})
// @ts-expect-error
App.new().wrap((_req, next) => next(1))

// --- Annotations: Middleware<Adds> and Layer ---
const typed: Middleware<{ user: User }> = (_req, next) => next()
const layers: Layer[] = [auth, Logger.default(), (_req, next) => next()]
App.new()
  .wrap(typed)
  .get('/', (req) => req.locals.user.name)
App.new().get('/', { use: layers }, () => 'x')
// @ts-expect-error: no layer
App.new().wrap({})
// @ts-expect-error: no layer
App.new().wrap(get(() => 'x'))

// --- use: locals of the layers are typed for the handler of this route, on every call and helper ---
App.new()
  .get('/:id', { use: [auth] }, (req) => req.param('id') + req.locals.user.name)
  .get('/a', { use: [auth, Logger.default(), count] }, (req) => req.locals.user.name.repeat(req.locals.count))
  .get('/b', { use: [auth] }, needsUser)
  .route(
    '/c/:id',
    get({ use: [auth] }, (req) => req.param('id') + req.locals.user.name),
  )
  .route(
    '/d',
    get({ use: [auth] }, needsUser).post({ use: [count] }, (req) => req.locals.count),
  )
  .get('/e/:id', { use: [(req, next) => (req.param('id') === '0' ? 'zero' : next())] }, (req) =>
    req.param('id'),
  )
  .get('/f/:id', { timeout: '2s', limits: { body: '200mb' } }, (req) => req.param('id'))
// @ts-expect-error
App.new().get('/', { use: [count] }, (req) => req.locals.user)
// @ts-expect-error
App.new().get('/:id', { use: [auth] }, (req) => req.param('name'))
App.new()
  .get('/', { use: [auth] }, (req) => req.locals.user)
  // @ts-expect-error
  .get('/b', (req) => req.locals.user)
// @ts-expect-error: no such option
App.new().get('/', { limit: { body: 1 } }, () => 'x')
// @ts-expect-error: no such limit
App.new().get('/', { limits: { bodies: 1 } }, () => 'x')
// @ts-expect-error: what the layer needs is missing
App.new().get('/', { use: [audit] }, () => 'x')

// --- .wrap() on a MethodRouter provides what its handlers need ---
App.new().route('/', get(needsUser).post(needsUser).wrap(auth))
App.new().route('/', get(needsUser).wrap(Logger.default()).wrap(auth))
// @ts-expect-error
App.new().route('/', get(needsUser).wrap(count))

// --- get(a).post(b) below auth ---
App.new().wrap(auth).route('/', get(needsUser).post(needsUser))
// @ts-expect-error
App.new().wrap(count).route('/', get(needsUser).post(needsUser))

// --- onError sees locals that may be missing ---
App.new()
  .wrap(auth)
  .onError((error, req) => {
    // @ts-expect-error
    req.locals.user.name
    return error instanceof Error ? req.locals.user?.name : undefined
  })

// --- An App with more locals is an App with fewer ---
export const narrow: App = App.new().wrap(auth)
// @ts-expect-error
export const wide: App<{ user: User }> = App.new()
