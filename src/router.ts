// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import { type Explanation, explainPath } from './explain.js'
import type { RunOptions } from './generated/config.js'
import { fetchApp, type InjectOptions, injectApp } from './inject.js'
import { runApp } from './lifecycle.js'
import type { Log } from './log/types.js'
import type { Layer } from './middleware.js'
import { type ConfiguredLocals, nodeOf, Scope } from './scope.js'
import type { ScopeNode } from './scope-node.js'
import type { Server } from './server.js'

/**
 * An application without options. Listens by itself, or is added to another one with `.service()`.
 *
 * `L` is what middleware provides in `req.locals`.
 *
 * @example
 * const router = new Router()
 * router.get('/users/:id', (req) => ({ id: req.param('id') }))
 * const server = await router.listen(3000)
 */
export class Router<out L extends object = {}> extends Scope<{}, L> {
  /**
   * Answers a web `Request` without a socket, through the whole pipeline, as {@link Router.inject} does; its signal gives
   * the request up. Bound: it can be passed on as it is.
   *
   * @example
   * const response = await app.fetch(new Request('http://localhost/users/7'))
   */
  readonly fetch = (request: Request): Promise<Response> => fetchApp(this, request)

  /**
   * The log of the application: JSON lines, or readable ones in development, as the option `log` says. In a Router or App that was
   * added to another one, that one's.
   *
   * @example
   * app.log.info({ port: server.port }, 'ready')
   */
  get log(): Log {
    return (nodeOf(this) as ScopeNode).log.log
  }

  /** A router without routes. */
  constructor() {
    super('')
  }

  /** {@inheritDoc Scope.wrap} */
  override wrap<Adds extends object = {}>(layer: Layer<Adds, {}, L>): Router<L & Adds> {
    super.wrap(layer)
    return this as unknown as Router<L & Adds>
  }

  /** {@inheritDoc Scope.configure} */
  override configure<Result>(fn: (app: this) => Result): Router<L & ConfiguredLocals<Result>> {
    super.configure(fn)
    return this as unknown as Router<L & ConfiguredLocals<Result>>
  }

  /**
   * Starts a server; resolves when it listens. From then on nothing can be declared.
   *
   * @param target an address (`'0.0.0.0:8080'`, `':8080'`, `'unix:/run/app.sock'`), a port or options. Default: the
   * variables `ARMATURE_LISTEN` and `PORT`, else port 3000. Without a host: 127.0.0.1, in production all interfaces.
   * @throws TypeError `ARMATURE_OPTION_INVALID`, before anything listens; ArmatureError `ARMATURE_LISTEN`
   * @example
   * const server = await app.run({ listen: '0.0.0.0:8080', limits: { body: '2mb' } })
   */
  run(target?: string | number | RunOptions): Promise<Server> {
    return runApp(this, target)
  }

  /** The same as {@link Router.run} with a port (0: any free one) and an optional host. */
  listen(port: number, host?: string): Promise<Server> {
    return this.run(host === undefined ? port : { listen: { port, host } })
  }

  /**
   * Sends a request through the whole pipeline without a socket, for tests: to the server of this application, if one
   * runs, else through an IO thread of its own, which goes away when it has nothing to do. The answer has the headers
   * that a client would get, without those of a connection and without `Date`.
   *
   * `onStart` runs once for everything: for the first call, unless `run()` came before. It must not wait for an injected
   * request itself. After `server.close()` the call rejects with `ARMATURE_SERVER_CLOSED`.
   *
   * Read the body, or `cancel()` it: one that is larger than `limits.responseBuffer` and never read keeps its handler
   * waiting until the server closes or the process ends. It does not keep the process alive; a head that has not come,
   * and a read that waits, do.
   *
   * @param path with its query, or a whole URL
   * @example
   * const response = await app.inject('/users', { method: 'POST', json: { name: 'a' } })
   */
  inject(path: string, options?: InjectOptions): Promise<Response> {
    return injectApp(this, path, options)
  }

  /**
   * Says what a request for a path meets: the pattern, the layers in the order in which they run, and the handler.
   * Asynchronous `configure()` functions that have not finished are not in it.
   *
   * @param method default: `'GET'`
   * @example
   * console.log(String(app.explain('/users/7')))
   */
  explain(path: string, method = 'GET'): Explanation {
    return explainPath(this, path, method)
  }
}
