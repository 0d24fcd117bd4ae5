import { Isolation } from './bridge/isolation.js'
import { Lane } from './bridge/lane.js'
import type { LaneHandlers } from './bridge/lane-handlers.js'
import type { RequestRecord } from './bridge/record.js'
import { watchInspector } from './debugging.js'
import { Dispatcher } from './dispatch.js'
import { ArmatureError } from './errors.js'
import type { InjectedRequest } from './inject-answer.js'
import { Injections } from './injections.js'
import { flushLogs, type NativeServer, resolveOptions, type Settings, startServer } from './native.js'
import type { Compiled } from './plan.js'
import type { LaneStats, ServerStats } from './stats.js'

/** How long the IO threads may take to end once nothing is left to do. */
const STOP_PATIENCE = 100
/** How long the last log lines may take to get out when the process ends. */
const LOG_PATIENCE = 100

const engines = new Set<Engine>()

// process.exit() and uncaught exceptions run no cleanup of the addon on the main thread; the threads must not go on
// while the process is taken down.
process.on('exit', () => {
  for (const engine of engines) engine.stop()
  flushLogs(LOG_PATIENCE)
})

/** One native server with this thread's lane: what App.run() and App.inject() have in common. */
export class Engine implements LaneHandlers {
  readonly handlers: Compiled['handlers']
  readonly routes: number
  readonly settings: Settings
  readonly #lane: Lane
  readonly #native: NativeServer
  readonly #dispatcher: Dispatcher
  readonly #isolation = new Isolation()
  readonly #injections: Injections
  readonly #onIdle: () => void
  #listening: boolean
  #referenced = true
  #stopped = false
  #onClosed: ((cutOff: number) => void) | null = null
  readonly #unwatch: () => void

  /** What the lane's handle is at the moment. */
  #isReferenced = false

  /**
   * Starts serving; without `listen` on one IO thread, for injected requests. `onIdle` is called whenever the last of
   * those in progress has ended.
   * @throws TypeError for wrong options, ArmatureError `ARMATURE_LISTEN`
   */
  constructor(compiled: Compiled, listen: boolean, onIdle: () => void = () => {}) {
    const { plan, buffers, handlers } = compiled
    this.handlers = handlers
    this.routes = plan.routes.length
    this.settings = resolveOptions(JSON.stringify(plan.config))
    this.#lane = new Lane(this.settings, this)
    this.#dispatcher = new Dispatcher(this.#lane, this.settings)
    try {
      this.#native = startServer(JSON.stringify(plan), buffers, listen, this.#lane.native)
    } catch (error) {
      this.#lane.close()
      throw error
    }
    const { fallback } = this.#native
    if (fallback) warnOfFallback(fallback)
    this.#injections = new Injections(this.#native, this.settings.responseBuffer, () => this.#refer())
    this.#onIdle = onIdle
    this.#listening = listen
    engines.add(this)
    this.#unwatch = watchInspector((open) => this.#native.pauseDeadlines(open))
    this.#refer()
  }

  /** `host:port` and `unix:/path` of everything it listens on. */
  get addresses(): string[] {
    return this.#native.addresses()
  }

  /** IO threads; 0 when IO is done on this thread. */
  get ioThreads(): number {
    return this.#native.ioThreads
  }

  stats(): ServerStats {
    const counts = JSON.parse(this.#native.stats()) as Omit<ServerStats, 'lanes'>
    return { ...counts, lanes: [JSON.parse(this.#lane.native.stats()) as LaneStats] }
  }

  /** Whether listening keeps the process alive. */
  setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    this.#refer()
  }

  /** Injected requests in progress. */
  get injections(): number {
    return this.#injections.size
  }

  /** Sends a request through everything behind the protocol; works until the engine stops. */
  inject(request: InjectedRequest, body: Buffer | null, signal: AbortSignal | undefined): Promise<Response> {
    if (this.#stopped) return Promise.reject(new ArmatureError('ARMATURE_SERVER_CLOSED'))
    return this.#injections.start(request, body, signal)
  }

  /** Stops accepting, drains for `timeout` milliseconds, cuts off the rest; resolves with the number cut off. */
  async close(timeout: number): Promise<number> {
    if (this.#stopped) return 0
    const closed = new Promise<number>((resolve) => {
      this.#onClosed = resolve
    })
    this.#refer()
    this.#native.close(timeout)
    const [connections, injections] = await Promise.all([closed, this.#injections.drain(timeout)])
    this.stop()
    return connections + injections
  }

  /** Ends the threads at once. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#unwatch()
    engines.delete(this)
    this.#injections.stop()
    this.#lane.close()
    this.#native.stop(STOP_PATIENCE)
  }

  request(record: RequestRecord): boolean {
    return this.#isolation.run(this.#dispatcher.request, this.#dispatcher, record)
  }

  injectedHead(id: number, status: number, head: Buffer): void {
    this.#injections.head(id, status, head)
  }

  injectedData(id: number, data: Buffer): void {
    this.#injections.data(id, data)
  }

  injectedEnd(id: number, failed: boolean): void {
    this.#injections.end(id, failed)
    if (this.#injections.size === 0) this.#onIdle()
  }

  closed(cutOff: number): void {
    this.#listening = false
    this.#onClosed?.(cutOff)
  }

  /** The process lives while somebody listens, waits for an injected answer or waits for the end. */
  #refer(): void {
    if (this.#stopped) return
    const closing = this.#onClosed !== null
    const needed = (this.#listening && this.#referenced) || this.#injections.areAwaited || closing
    if (needed === this.#isReferenced) return
    this.#isReferenced = needed
    this.#lane.native.setReferenced(needed)
  }
}

function warnOfFallback(why: string): void {
  process.emitWarning(`io: 'inline' is not possible here (${why}); IO threads take its place`, {
    type: 'ArmatureWarning',
    code: 'ARMATURE_INLINE_FALLBACK',
  })
}
