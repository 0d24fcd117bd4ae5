// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import {
  App,
  any,
  del,
  fixed,
  get,
  type HttpRequest,
  HttpResponse,
  on,
  type Params,
  post,
  Router,
} from '@armature/core'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function expect<T extends true>(): T

// --- Params<Path>: the names of a path ---
expect<Equal<Params<'/'>, {}>>()
expect<Equal<Params<'/users/:id'>, { id: string }>>()
expect<Equal<Params<'/orgs/:org/files/*rest'>, { org: string; rest: string }>>()
expect<Equal<Params<'/a/::literal/b::c'>, {}>>()
expect<Equal<Params<string>, Record<string, string>>>()

const app = App.new()

// --- .get(path, handler): parameters are typed from the path ---
app.get('/users/:id/posts/:post', (req) => {
  expect<Equal<keyof typeof req.params, 'id' | 'post'>>()
  const id: string = req.param('id')
  return id + req.params.post
})
app.get('/files/*rest', (req) => req.param('rest'))

// --- A name that the route lacks is a type error ---
// @ts-expect-error
app.get('/users/:id', (req) => req.param('name'))
// @ts-expect-error
app.get('/', (req) => req.param('id'))
// @ts-expect-error: '::' is a literal colon
app.get('/a/::id', (req) => req.param('id'))

// --- .route(path, get(handler)): an inline handler is typed from the path of the route ---
app.route(
  '/users/:id',
  get((req) => {
    expect<Equal<keyof typeof req.params, 'id'>>()
    return req.param('id')
  }),
)
app.route(
  '/users/:id',
  // @ts-expect-error
  get((req) => req.param('name')),
)
app.route(
  '/users/:id',
  any((req) => req.param('id')),
)
app.route(
  '/users/:id',
  on('LINK', (req) => req.param('id')),
)

// --- Every verb: get post put patch delete del head options any ---
app
  .get('/a/:x', (req) => req.param('x'))
  .post('/a/:x', (req) => req.param('x'))
  .put('/a/:x', (req) => req.param('x'))
  .patch('/a/:x', (req) => req.param('x'))
  .delete('/a/:x', (req) => req.param('x'))
  .head('/a/:x', (req) => req.param('x'))
  .options('/a/:x', (req) => req.param('x'))
  .any('/a/:x', (req) => req.param('x'))
  .del('/b/:x', (req) => req.param('x'))

// --- get(a).post(b): inline handlers see string params ---
app.route(
  '/users/:id',
  get((req) => req.param('id')).post((req) => req.param('id')),
)
app.route(
  '/users/:id',
  get((req) => req.param('anything')).post((req) => {
    const value: string = req.params.anything ?? ''
    return value
  }),
)

// --- ... unless annotated HttpRequest<Params<'/users/:id'>> ---
type Show = HttpRequest<Params<'/users/:id'>>
app.route(
  '/users/:id',
  get((req: Show) => req.param('id')).post((req: Show) => req.param('id')),
)
app.route(
  '/users/:id',
  // @ts-expect-error: the annotation is checked
  get((req: Show) => req.param('name')).post((req: Show) => req.param('id')),
)
app.route(
  '/users/:user',
  // @ts-expect-error: and so is the path
  get((req: Show) => req.param('id')).post((req: Show) => req.param('id')),
)
app.route(
  '/users/:user',
  // @ts-expect-error: also where only one needs the parameter
  get(() => 'x').del((req: Show) => req.param('id')),
)

// --- Handlers annotated plain HttpRequest are accepted everywhere ---
async function plain(req: HttpRequest): Promise<HttpResponse> {
  return HttpResponse.ok(req.param('id'))
}
app
  .get('/', plain)
  .get('/users/:id', plain)
  .route('/x/:y', get(plain).post(plain))
  .route('/', del(plain))
  .default(plain)

// --- Named handlers with parameters: accepted where the path has them ---
function show(req: HttpRequest<Params<'/users/:id'>>) {
  return req.param('id')
}
app.get('/users/:id', show).get('/orgs/:org/users/:id', show)
// @ts-expect-error
app.get('/users/:user', show)
// @ts-expect-error
app.get('/', show)

// --- Handlers may return anything but functions, symbols and bigints ---
app
  .get('/r/1', () => 'text')
  .get('/r/2', async () => ({ json: true }))
  .get('/r/3', () => new Response('web'))
  .get('/r/4', async function* () {
    yield 'chunk'
  })
  .get('/r/5', () => null)
  .get('/r/6', () => {})
  .get('/r/7', () => [1, 2, 3])
  .get('/r/8', () => Buffer.from('bytes'))
// @ts-expect-error
app.get('/r/9', () => 10n)
// @ts-expect-error
app.get('/r/10', () => Symbol('s'))

// --- fixed(response) is a handler ---
app.get('/fixed', fixed(HttpResponse.ok('x'))).route('/fixed/:x', get(fixed(HttpResponse.ok())).post(plain))
app.default(fixed(HttpResponse.notFound()))

// --- Other values are no handlers ---
// @ts-expect-error
app.get('/none', undefined)
// @ts-expect-error
app.get('/none', get(plain))
// @ts-expect-error
app.route('/none', plain)
// @ts-expect-error
app.get('/none', plain, plain)

// --- A path that is only known at run time has any parameter ---
declare const dynamic: string
app.get(dynamic, (req) => req.param('whatever'))
app.route(
  dynamic,
  get((req) => req.param('whatever')),
)

// --- Router and App have the same routes ---
new Router()
  .get('/users/:id', (req) => req.param('id'))
  .route(
    '/x/:y',
    post((req) => req.param('y')),
  )
