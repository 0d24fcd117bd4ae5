/**
 * `Scope`. Over 300 lines because every method of the builder is documented here; what they fill is scope-node.ts.
 */
// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import { addData, type DataKey } from './data.js'
import { nameOf, typeError } from './errors.js'
import { Files } from './files.js'
import type { FilesOptions } from './generated/files.js'
import { type MethodRouter, takeRoutes, VERBS } from './method-router.js'
import type { Layer } from './middleware.js'
import { notAvailable } from './not-available.js'
import { checkPath, joinPath, type Params, PREFIX_SLASH, parsePrefix } from './paths.js'
import { isThenable } from './payload.js'
import type { HttpRequest } from './request.js'
import type { Responder } from './responder.js'
import { checkHandler, checkLayer, type DeclareRoute, type RouteHandler, readRoute } from './routes.js'
import { ScopeNode } from './scope-node.js'
import type { Server } from './server.js'
import { type DeclareSocket, readSocketRoute } from './websocket/declare.js'

const SCOPE: unique symbol = Symbol.for('armature.scope')

/** Any scope, Router or App, whatever its types. */
export type AnyScope = Scope<object, object>

/** What the scope that a `configure()` function returns adds to the locals. */
export type ConfiguredLocals<Result> = Awaited<Result> extends Scope<infer _, infer L> ? L : {}

/** Options of {@link Scope.onStart}. */
export interface StartOptions {
  /** Runs in the primary JS thread only. Default: false, in each. */
  once?: boolean | undefined
}

/**
 * A part of an application: routes below a prefix with their own layers, shared state and error handlers. What is
 * declared on a scope exists in it and below, never beside it. A layer counts for every route of its scope, wherever in
 * the chain it stands; its types count for what is declared after it.
 *
 * `P` are the parameters of the prefix, `L` what middleware provides in `req.locals`.
 *
 * All methods throw `ARMATURE_APP_FROZEN` once the application listens.
 *
 * @example
 * app.service(scope('/api').wrap(auth).get('/me', (req) => req.locals.user))
 */
export class Scope<out P extends object = {}, out L extends object = {}> {
  /** @internal */
  readonly [SCOPE]: ScopeNode

  /**
   * Declares a route for GET, and for HEAD unless there is one. Options stand before the handler.
   *
   * @throws TypeError as {@link Scope.route}, and so do the calls below
   * @example
   * app.get('/users/:id', (req) => users.get(req.param('id')))
   * app.post('/files', { use: [auth], limits: { body: '200mb' }, timeout: '1m' }, upload)
   */
  declare readonly get: DeclareRoute<P, L, this>
  /** Declares a route for POST. */
  declare readonly post: DeclareRoute<P, L, this>
  /** Declares a route for PUT. */
  declare readonly put: DeclareRoute<P, L, this>
  /** Declares a route for PATCH. */
  declare readonly patch: DeclareRoute<P, L, this>
  /** Declares a route for DELETE. */
  declare readonly delete: DeclareRoute<P, L, this>
  /** The same as {@link Scope.delete}. */
  declare readonly del: DeclareRoute<P, L, this>
  /** Declares a route for HEAD; without one, the route for GET answers it. */
  declare readonly head: DeclareRoute<P, L, this>
  /** Declares a route for OPTIONS; without one, the answer is 204 with Allow. */
  declare readonly options: DeclareRoute<P, L, this>
  /** Declares a route for every method that the path has no other route for. */
  declare readonly any: DeclareRoute<P, L, this>

  /**
   * Declares a WebSocket route: GET with an upgrade. Options of the route stand before its handlers.
   *
   * @example
   * app.websocket('/echo/:room', { message: (socket, data) => void socket.send(data) })
   */
  declare readonly websocket: DeclareSocket<P, L, this>
  /** Reserved: mounts a `fetch` handler. Throws `ARMATURE_NOT_AVAILABLE`. */
  declare readonly mount: (...args: unknown[]) => never

  /** Use {@link scope}, `new Router()` or `App.new()`. */
  protected constructor(prefix: string) {
    this[SCOPE] = new ScopeNode(prefix)
  }

  /** @internal */
  static at<P extends object>(prefix: string): Scope<P> {
    return new Scope<P>(prefix)
  }

  /**
   * Puts a layer around every route of this scope and below. Native layers run in Rust, before all JavaScript; within
   * each kind the first wrapped is outermost.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` when it is no layer
   * @example
   * app.wrap(Logger.default()).wrap(async (req, next) => (await next()).header('x-took', '1'))
   */
  wrap<Adds extends object = {}>(layer: Layer<Adds, P, L>): Scope<P, L & Adds> {
    open(this, 'wrap()').layers.push(checkLayer('wrap()', layer))
    return this as unknown as Scope<P, L & Adds>
  }

  /**
   * Shares state with every handler of this scope and below, which find it with `req.data()`. A value is keyed by its
   * class, or by the class or {@link Key} that stands before it.
   *
   * @throws TypeError `ARMATURE_DATA_KEY` for a value that has no class of its own, `ARMATURE_DATA_DUPLICATE` for a
   * second value of one key in the same scope
   * @example
   * app.data(new Database()).data(Mail, smtp).data(Cache, new FakeCache())
   */
  data<T>(key: DataKey<T>, value: NoInfer<T>): this
  data(value: object): this
  data(...args: unknown[]): this {
    addData(open(this, 'data()').data, args)
    return this
  }

  /**
   * Declares the routes of one path.
   *
   * @throws TypeError `ARMATURE_ROUTE_PATTERN`; `ARMATURE_ROUTE_CONFLICT`, which names both routes
   * @example
   * app.route('/users/:id', get((req) => users.get(req.param('id'))).del(removeUser))
   */
  route<Path extends string>(path: Path, methods: MethodRouter<P & Params<NoInfer<Path>>, L>): this {
    const node = open(this, `route '${path}'`)
    checkPath(path)
    const { routes, layers } = takeRoutes(path, methods)
    for (const { method, route } of routes) {
      node.addRoute(method, path, { ...route, layers: [...layers, ...route.layers] })
    }
    return this
  }

  /**
   * Answers GET and HEAD below a prefix with the files of a folder. Rust sends them: JavaScript is not entered, unless
   * middleware surrounds them. Other routes below the prefix win where they are more specific.
   *
   * @param prefix as that of {@link Scope.scope}; `'/'` is everything that no other route has
   * @param dir a path, relative to the current folder of the process, or a `file:` URL
   * @throws TypeError `ARMATURE_OPTION_INVALID` when `dir` is no path; options, and whether the folder is there, are checked
   * when the application starts. `ARMATURE_ROUTE_PATTERN`, `ARMATURE_ROUTE_CONFLICT`
   * @example
   * app.files('/assets', new URL('./assets/', import.meta.url), { precompressed: true })
   */
  files(prefix: string, dir: string | URL, options: FilesOptions = {}): this {
    const where = `files '${prefix}'`
    const node = open(this, where)
    const isRoot = prefix === '' || prefix === '/'
    if (!isRoot) parsePrefix(prefix)
    const route = readRoute(where, [new Files(where, dir, options)])
    node.addRoute('GET', isRoot ? PREFIX_SLASH : `${prefix}/`, { ...route, isFolder: true })
    node.addRoute('GET', isRoot ? '/*path' : `${prefix}/*path`, route)
    return this
  }

  /**
   * Declares routes below a prefix; they see the parameters and locals of this scope in their types.
   *
   * @throws TypeError `ARMATURE_ROUTE_PATTERN` when the prefix does not start with `/`, ends with it or has a wildcard
   * @example
   * app.scope('/orgs/:org', (org) => org.get('/users/:id', (req) => [req.param('org'), req.param('id')]))
   */
  scope<Prefix extends string>(
    prefix: Prefix,
    build: (scope: Scope<P & Params<NoInfer<Prefix>>, L>) => unknown,
  ): this {
    parsePrefix(prefix)
    const child = new Scope<P & Params<Prefix>, L>(prefix)
    open(this, `scope '${prefix}'`).mount(child[SCOPE])
    return call(child[SCOPE], `scope '${prefix}'`, build, child, this)
  }

  /**
   * Adds a scope, Router or App that was built on its own. Its types stand alone: for routes that use the parameters or
   * locals of this scope see {@link Scope.scope}.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for anything else, for one that has a place already and for an App with
   * options, which only count for what listens; `ARMATURE_ROUTE_CONFLICT`
   * @example
   * app.service(scope('/users').get('/', listUsers)).service(adminRouter)
   */
  service(child: AnyScope): this {
    const node = open(this, 'service()')
    const childNode = nodeOf(child)
    if (childNode === undefined) {
      const details = { option: 'service()', value: nameOf(child), allowed: 'a scope, a Router or an App' }
      throw typeError('ARMATURE_OPTION_INVALID', details)
    }
    if (childNode.options !== null && Object.keys(childNode.options).length > 0) {
      const why = 'the options of an App count only where it listens: give them to the outermost App'
      throw typeError('ARMATURE_OPTION_INVALID', `service(): ${why}`)
    }
    node.mount(childNode)
    return this
  }

  /**
   * Calls `fn` with this scope: the way to package a feature. An asynchronous `fn` is awaited by run, listen, inject and
   * fetch, which reject when it does. Locals that `fn` adds count for the types of what follows if it returns the scope.
   *
   * @example
   * const users = (app: Scope) => app.route('/users', get(listUsers).post(createUser))
   * app.configure(users)
   */
  configure<Result>(fn: (scope: this) => Result): Scope<P, L & ConfiguredLocals<Result>> {
    return call(open(this, 'configure()'), 'configure()', fn, this, this as unknown as Scope<P, never>)
  }

  /**
   * Answers requests below the prefix that no route matches; inside the middleware of this scope. A known path with
   * another method stays a 405. The parameters are those of the prefix, and `req.route` is `''`.
   *
   * @throws TypeError `ARMATURE_ROUTE_CONFLICT` when this scope has one
   * @example
   * app.default((req) => HttpResponse.notFound(`nothing at ${req.path}`))
   * app.scope('/orgs/:org', (org) => org.default((req) => HttpResponse.notFound(`not in ${req.param('org')}`)))
   */
  default(handler: RouteHandler<P, L>): this {
    const node = open(this, 'default()')
    if (node.fallback !== null) {
      const route = `default of '${joinPath(node.fullPrefix, '')}'`
      throw typeError('ARMATURE_ROUTE_CONFLICT', { route, existing: 'an earlier one' })
    }
    node.fallback = checkHandler('default()', handler)
    return this
  }

  /**
   * Turns what is thrown in this scope and below into an answer. The nearest scope is asked first, within it in the order
   * of declaration; `undefined` passes the error on, throwing passes on the new error. Locals may be missing: it depends
   * on where it was thrown.
   *
   * @example
   * app.onError((error) => (error instanceof NotFound ? HttpResponse.notFound(error.message) : undefined))
   */
  onError(
    handler: (
      error: unknown,
      req: HttpRequest<Record<string, string>, Partial<L>>,
    ) => Responder | Promise<Responder>,
  ): this {
    open(this, 'onError()').onError.push(checkFunction('onError()', handler))
    return this
  }

  /**
   * Runs `fn` before the server listens: those of a scope in order, then those of the scopes in it. A throw rejects `run()`
   * and undoes what was started.
   *
   * @example
   * app.onStart(() => database.connect())
   */
  onStart(fn: (server: Server) => unknown, options?: StartOptions): this {
    const run = checkFunction('onStart()', fn)
    open(this, 'onStart()').onStart.push({ run, once: options?.once === true })
    return this
  }

  /**
   * Runs `fn` when the server has stopped and every request is answered; in reverse order.
   *
   * @example
   * app.onStop(() => database.close())
   */
  onStop(fn: () => unknown): this {
    open(this, 'onStop()').onStop.push(checkFunction('onStop()', fn))
    return this
  }
}

for (const [name, method] of Object.entries(VERBS)) {
  define(name, function (path, ...args) {
    const node = open(this, `${method} '${path}'`)
    checkPath(path)
    node.addRoute(method, path, readRoute(`${method === '*' ? 'any' : method} '${path}'`, args))
    return this
  })
}

define('websocket', function (path, ...args) {
  const node = open(this, `websocket '${path}'`)
  checkPath(path)
  node.addRoute('GET', path, readSocketRoute(`websocket '${path}'`, args))
  return this
})

define(
  'mount',
  notAvailable('mount()', "return the Response of the fetch handler from any('/prefix/*rest', …)"),
)

/**
 * A scope on its own, to be added with `.service()`.
 *
 * @param prefix starts with `/`, does not end with it, may have parameters
 * @throws TypeError `ARMATURE_ROUTE_PATTERN`
 * @example
 * export const users = scope('/users').get('/', listUsers).get('/:id', showUser)
 */
export function scope<Prefix extends string>(prefix: Prefix): Scope<Params<Prefix>> {
  parsePrefix(prefix)
  return Scope.at(prefix)
}

/** @internal What was declared on a scope, Router or App, also one of another copy of this package. */
export function nodeOf(value: unknown): ScopeNode | undefined {
  return typeof value === 'object' && value !== null && SCOPE in value
    ? (value[SCOPE] as ScopeNode)
    : undefined
}

function open(scope: { readonly [SCOPE]: ScopeNode }, what: string): ScopeNode {
  const node = scope[SCOPE]
  node.assertOpen(what)
  return node
}

/** Calls a function of the user and remembers its promise. One that rejects is reported where it is awaited. */
function call<S, T>(node: ScopeNode, what: string, fn: (scope: S) => unknown, scope: S, self: T): T {
  const result = checkFunction(what, fn)(scope)
  if (typeof result === 'object' && result !== null && isThenable(result)) {
    const promise = Promise.resolve(result)
    node.pending.push(promise)
    promise.catch(() => {})
  }
  return self
}

function checkFunction<F>(what: string, fn: F): F {
  if (typeof fn === 'function') return fn
  throw typeError('ARMATURE_OPTION_INVALID', { option: what, value: nameOf(fn), allowed: 'a function' })
}

function define(name: string, value: (this: AnyScope, ...args: unknown[]) => unknown): void {
  Object.defineProperty(Scope.prototype, name, { value, writable: true, configurable: true })
}
