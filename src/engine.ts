import { performance } from 'node:perf_hooks'
import { threadId } from 'node:worker_threads'
import { Isolation } from './bridge/isolation.js'
import { Lane } from './bridge/lane.js'
import type { LaneHandlers } from './bridge/lane-handlers.js'
import type { RequestRecord } from './bridge/record.js'
import { watchInspector } from './debugging.js'
import { Dispatcher } from './dispatch.js'
import { ArmatureError } from './errors.js'
import { flush } from './flush.js'
import { HealthChecks } from './health-checks.js'
import type { InjectedRequest } from './inject-answer.js'
import { Injections } from './injections.js'
import {
  advanceServer,
  agreeOnPlan,
  attachServer,
  type NativeLane,
  type NativeServer,
  resolveOptions,
  type Settings,
  serverSettings,
  setServerTls,
  startServer,
} from './native.js'
import { warnOf, warnOfFallback } from './native-warnings.js'
import type { Compiled } from './plan.js'
import type { ServerStats } from './stats.js'
import { within } from './within.js'
import type { Link } from './workers/link.js'
import { assertSameRoutes } from './workers/routes.js'

/** How long the IO threads may take to end once nothing is left to do. */
const STOP_PATIENCE = 100
/** How long the loops of other JavaScript threads may take to cut off what is left, in milliseconds. */
const CUT_OFF = 1_500

const engines = new Set<Engine>()

// process.exit() and uncaught exceptions run no cleanup of the addon on the main thread; the threads must not go on
// while the process is taken down.
process.on('exit', () => {
  for (const engine of engines) engine.abandon()
  flush()
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
  readonly #checks: HealthChecks
  readonly #onIdle: () => void
  /** Whether other threads go on serving when this one stops. */
  #isAttached = false
  #listening: boolean
  #referenced = true
  #stopped = false
  #onClosed: ((cutOff: number) => void) | null = null
  readonly #unwatch: () => void
  /** What the lane's handle is at the moment. */
  #isReferenced = false

  /**
   * Listens and serves.
   * @throws TypeError for wrong options, ArmatureError `ARMATURE_LISTEN`
   */
  static listen(compiled: Compiled): Engine {
    return new Engine(compiled, ownSettings(compiled), true, (lane) => start(compiled, true, lane))
  }

  /** Serves injected requests alone, on one IO thread. `onIdle` is called whenever the last in progress has ended. */
  static inject(compiled: Compiled, onIdle: () => void): Engine {
    return new Engine(compiled, ownSettings(compiled), false, (lane) => start(compiled, false, lane), onIdle)
  }

  /**
   * Serves beside other threads, by the options of the server.
   * @throws ArmatureError `ARMATURE_WORKER_ROUTES`, `ARMATURE_RELOAD_OPTIONS`, `ARMATURE_SERVER_CLOSED`
   */
  static attach(compiled: Compiled, id: number, seat: Link): Engine {
    assertSameRoutes(agreeOnPlan(id, seat.generation, compiled), compiled.plan)
    const engine = new Engine(compiled, serverSettings(id), true, (lane) => attachServer(id, seat, lane))
    engine.#isAttached = true
    return engine
  }

  private constructor(
    compiled: Compiled,
    settings: Settings,
    listening: boolean,
    begin: (lane: NativeLane) => NativeServer,
    onIdle: () => void = () => {},
  ) {
    this.handlers = compiled.handlers
    this.routes = compiled.plan.routes.length
    this.settings = settings
    this.#lane = new Lane(settings, this)
    this.#dispatcher = new Dispatcher(this.#lane, settings)
    try {
      this.#native = begin(this.#lane.native)
    } catch (error) {
      this.#lane.close()
      throw error
    }
    const { fallback } = this.#native
    if (fallback) warnOfFallback(fallback)
    this.#injections = new Injections(this.#native, settings.responseBuffer, () => this.#refer())
    this.#onIdle = onIdle
    this.#listening = listening
    engines.add(this)
    this.#unwatch = watchInspector((open) => this.#native.pauseDeadlines(open))
    this.#refer()
    const report = (layer: number, check: number, passed: boolean) =>
      this.#native.reportHealth(layer, check, passed)
    this.#checks = new HealthChecks(report, () => compiled.log.log)
    this.#checks.start(compiled.checks)
  }

  /** Number of the server in this process. */
  get id(): number {
    return this.#native.id
  }

  /** `host:port` and `unix:/path` of everything it listens on. */
  get addresses(): string[] {
    return this.#native.addresses()
  }

  /** Serves the routes that threads of `generation` have agreed on. */
  advance(generation: number): void {
    advanceServer(this.#native, generation)
  }

  /** Forgets them. */
  discard(generation: number): void {
    this.#native.discard(generation)
  }

  /** From now on the server is not ready, and serves on. */
  endReadiness(): void {
    this.#native.endReadiness()
  }

  /** Time that requests get when a thread has to end. */
  get patience(): number {
    return this.settings.shutdown
  }

  /** IO threads; 0 when IO is done on this thread. */
  get ioThreads(): number {
    return this.#native.ioThreads
  }

  stats(): ServerStats {
    return JSON.parse(this.#native.stats()) as ServerStats
  }

  /** Who publishes, and counts subscribers. @throws ArmatureError `ARMATURE_SERVER_CLOSED` once it has stopped */
  get topics(): Pick<Lane, 'publish' | 'subscribers'> {
    if (this.#stopped) throw new ArmatureError('ARMATURE_SERVER_CLOSED')
    return this.#lane
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

  /**
   * Stops accepting, drains for `timeout` milliseconds, cuts off the rest; resolves with the number cut off. Before the
   * threads end, `beforeEnd` gets the time that is left. An attached engine takes nothing new and leaves the rest to the
   * others.
   */
  async close(timeout: number, beforeEnd: (left: number) => Promise<void> = async () => {}): Promise<number> {
    if (this.#stopped) return 0
    const until = performance.now() + timeout
    const closed = new Promise<number>((resolve) => {
      this.#onClosed = resolve
    })
    this.#refer()
    const drained = this.#drain(closed, timeout)
    const [connections, injections] = await Promise.all([drained, this.#injections.drain(timeout)])
    try {
      await beforeEnd(Math.max(0, until - performance.now()))
    } finally {
      this.stop()
    }
    return connections + injections
  }

  /** Takes nothing new; resolves with the number of requests that were not answered. */
  #drain(closed: Promise<number>, timeout: number): Promise<number> {
    if (this.#isAttached) {
      // Others have results of their own.
      this.#checks.stop()
      this.#native.retire(timeout)
      return within(timeout, closed, () => this.#pending())
    }
    this.#native.close(timeout)
    const hasOthers = this.ioThreads === 0 && this.settings.workers > 1
    // A loop of a thread that computes does not even end; the thread will.
    return hasOthers ? within(timeout + CUT_OFF, closed, () => this.stats().inFlight) : closed
  }

  #pending(): number {
    return this.stats().lanes.find((lane) => lane.threadId === threadId)?.pending ?? 0
  }

  /** The thread ends: what others can go on with is theirs. */
  abandon(): void {
    this.stop(this.#isAttached)
  }

  /** Ends the threads at once. An attached engine gives back what it has not been handed, and with `othersGoOn` its WebSockets. */
  stop(othersGoOn = false): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#unwatch()
    this.#checks.stop()
    engines.delete(this)
    this.#injections.stop()
    this.#lane.close(othersGoOn)
    this.#native.stop(STOP_PATIENCE)
  }

  request(record: RequestRecord): boolean {
    return this.#isolation.run(this.#dispatcher.request, this.#dispatcher, record)
  }

  isolated<S, A>(fn: (this: S, argument: A) => void, self: S, argument: A): void {
    this.#isolation.run(fn, self, argument)
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

  warning(subject: number, message: string): void {
    warnOf(subject, message)
  }

  /**
   * Takes `tls` for the handshakes from now on.
   * @throws TypeError, ArmatureError `ARMATURE_TLS`
   */
  setTls(tls: string, address: string | null): void {
    setServerTls(this.#native, tls, address)
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

function ownSettings({ plan }: Compiled): Settings {
  return resolveOptions(JSON.stringify(plan.config))
}

function start({ plan, buffers }: Compiled, listen: boolean, lane: NativeLane): NativeServer {
  return startServer(JSON.stringify(plan), buffers, listen, lane)
}
