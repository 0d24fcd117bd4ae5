// biome-ignore-all lint/complexity/noBannedTypes: {} is the identity of intersections, which object is not
import type { AppOptions } from './generated/config.js'
import { isLogLike } from './log/app-log.js'
import type { Layer } from './middleware.js'
import { checkAppOptions } from './options.js'
import { Router } from './router.js'
import { type ConfiguredLocals, nodeOf } from './scope.js'
import type { ScopeNode } from './scope-node.js'

/**
 * An application: routes, layers, shared state, and the options of the server that runs it. Every method returns the
 * App, so that it can be written as one chain; types accumulate along the chain, not across statements.
 *
 * `L` is what middleware provides in `req.locals`.
 *
 * @example
 * const app = App.new()
 *   .wrap(Logger.default())
 *   .data(new Database())
 *   .route('/', get(() => HttpResponse.ok('hello')))
 *   .get('/users/:id', (req) => req.data(Database).user(req.param('id')))
 * const server = await app.run('0.0.0.0:8080')
 */
export class App<out L extends object = {}> extends Router<L> {
  /** Use {@link App.new}. */
  protected constructor(options: AppOptions) {
    super()
    const node = nodeOf(this) as ScopeNode
    const { log, ...others } = checkAppOptions(options)
    const isGiven = isLogLike(log)
    node.options = (log === undefined ? others : { ...others, log: isGiven ? true : log }) as Readonly<
      Record<string, unknown>
    >
    if (isGiven) node.log.use(log)
  }

  /**
   * Makes an application.
   *
   * @param options everything that `run()` takes but `listen`, `io` and `workers`; their values are checked when it starts
   * @throws TypeError `ARMATURE_OPTION_INVALID` when it is not an object or has one of those three
   * @example
   * const app = App.new({ trailingSlash: 'redirect', limits: { body: '2mb' } })
   */
  static new(options: AppOptions = {}): App {
    return new App(options)
  }

  /** {@inheritDoc Scope.wrap} */
  override wrap<Adds extends object = {}>(layer: Layer<Adds, {}, L>): App<L & Adds> {
    super.wrap(layer)
    return this as unknown as App<L & Adds>
  }

  /** {@inheritDoc Scope.configure} */
  override configure<Result>(fn: (app: this) => Result): App<L & ConfiguredLocals<Result>> {
    super.configure(fn)
    return this as unknown as App<L & ConfiguredLocals<Result>>
  }
}
