import {
  App,
  files,
  get,
  type HttpRequest,
  middleware,
  type Params,
  Router,
  type Scope,
  scope,
} from '@armature/core'

interface User {
  name: string
}
const auth = middleware<{ user: User }>((_req, next) => next())
declare function listUsers(req: HttpRequest): string

// --- .service(scope | Router | App) ---
export const served = App.new()
  .service(
    scope('/api')
      .wrap(auth)
      .get('/me', (req) => req.locals.user.name),
  )
  .service(new Router().get('/a', listUsers))
  .service(App.new().get('/b', listUsers))
  .get('/c', listUsers)
// @ts-expect-error
App.new().service(get(listUsers))
App.new()
  .service(scope('/api').wrap(auth))
  // @ts-expect-error: the locals of a scope stay in it
  .get('/', (req) => req.locals.user)

// --- Parameters of a prefix ---
scope('/orgs/:org').get('/users/:id', (req) => req.param('org') + req.param('id'))
scope('/orgs/:org').route(
  '/users/:id',
  get((req) => req.param('org') + req.param('id')),
)
scope('/orgs/:org').wrap((req, next) => (req.param('org') === '' ? 'none' : next()))
// @ts-expect-error
scope('/orgs/:org').get('/users/:id', (req) => req.param('organisation'))

scope('/orgs/:org').default((req) => req.param('org'))
// @ts-expect-error
scope('/orgs/:org').default((req) => req.param('id'))
App.new().scope('/orgs/:org', (org) =>
  org
    .wrap(auth)
    .default((req) => req.param('org') + req.locals.user.name)
    .scope('/teams/:team', (team) => team.default((req) => req.params.org + req.param('team'))),
)
declare function notFound(req: HttpRequest): string
scope('/orgs/:org').default(notFound)
App.new().default(notFound)
// @ts-expect-error: an App has no prefix
App.new().default((req) => req.param('org'))

// --- .scope(prefix, build): passes parameters and locals of the parent ---
App.new()
  .wrap(auth)
  .scope('/orgs/:org', (org) =>
    org
      .get('/users/:id', (req) => [req.param('org'), req.param('id'), req.locals.user.name])
      .route(
        '/posts/:post',
        get((req) => [req.param('org'), req.param('post'), req.locals.user.name]),
      )
      .scope('/teams/:team', (team) =>
        team.get('/:x', (req) => req.param('org') + req.param('team') + req.param('x')),
      ),
  )
  .scope('/statements/:id', (s) => {
    s.get('/', (req) => req.param('id'))
  })
  .get('/after', (req) => req.locals.user.name)
// @ts-expect-error
App.new().scope('/orgs/:org', (org) => org.get('/:id', (req) => req.param('team')))
// @ts-expect-error
App.new().scope('/orgs/:org', (org) => org.get('/:id', (req) => req.locals.user))

// --- .configure(fn): called with this; keeps the types of the chain ---
export const configured = App.new()
  .wrap(auth)
  .configure((app) => app.get('/a', (req) => req.locals.user.name))
  .configure((app) => {
    app.get('/b', (req) => req.locals.user.name)
  })
  .configure(async (app) => {
    app.get('/c', (req) => req.locals.user.name)
  })
  .get('/d', (req) => req.locals.user.name)
configured.run()
const app: App<{ user: User }> = configured
app.listen(0)

// --- ... and adds the locals of the chain that fn returns ---
const feature = (scope: Scope) => scope.get('/feature', listUsers)
const withCount = <L extends object>(app: App<L>) =>
  app.wrap(middleware<{ count: number }>((_req, next) => next()))
App.new()
  .wrap(auth)
  .configure(feature)
  .configure(withCount)
  .configure(async (app) => app.wrap(middleware<{ late: boolean }>((_req, next) => next())))
  .get('/', (req) => [req.locals.user.name, req.locals.count, req.locals.late])
scope('/x').configure(feature).get('/y', listUsers)
new Router().configure(feature).listen(0)
App.new()
  .configure(feature)
  // @ts-expect-error
  .get('/', (req) => req.locals.count)

// --- Only App and Router run ---
// @ts-expect-error
scope('/x').run
// @ts-expect-error
scope('/x').inject
// @ts-expect-error
scope('/x').explain
App.new()
  .wrap(auth)
  .configure(feature)
  .scope('/x', () => {})
  .explain('/').chain[0]?.native

// --- Names of later versions type-check as never ---
export const later: never = App.new().mount('/static', 'public')

// --- Files keep the chain ---
App.new().files('/static', 'public', { dotfiles: 'deny' }).get('/x/*path', files('public'))
// @ts-expect-error
App.new().files('/static', 'public', { dotfile: 'deny' })

// --- Params of a nested scope for handlers elsewhere ---
function member(req: HttpRequest<Params<'/orgs/:org/users/:id'>>) {
  return req.param('org') + req.param('id')
}
App.new().scope('/orgs/:org', (org) => org.get('/users/:id', member))
// @ts-expect-error
App.new().get('/users/:id', member)
