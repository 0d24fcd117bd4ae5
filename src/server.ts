import type { Prepared } from './application.js'
import { type DataKey, dataName } from './data.js'
import { milliseconds } from './duration.js'
import { Engine } from './engine.js'
import { ArmatureError } from './errors.js'
import type { Duration, TlsOptions } from './generated/config.js'
import { flushAll } from './log/writer.js'
import { observeServer, serverSettings } from './native.js'
import { portable } from './options.js'
import type { Compiled } from './plan.js'
import { ServerCache } from './server-cache.js'
import { watchSignals } from './signals.js'
import type { ServerStats } from './stats.js'
import { checkMessage, checkTopic } from './websocket/message.js'
import { isPrimary, type Link, link } from './workers/link.js'
import type { Member } from './workers/member.js'
import type { Place } from './workers/places.js'
import { Pool } from './workers/pool.js'
import { SourceWatch } from './workers/watch.js'

/** Options of {@link Server.close}. */
export interface CloseOptions {
  /** Time that requests in progress get, in milliseconds or as text such as `'5s'`. Default: `timeouts.shutdown`. */
  timeout?: Duration | undefined
}

/**
 * A running server; `run()` and `listen()` resolve to it.
 *
 * @example
 * await using server = await app.run(':0')
 * const res = await fetch(server.url)
 */
export class Server implements AsyncDisposable {
  /** What its `Cache` layers have stored. */
  readonly cache = new ServerCache(() => this.#observed ?? this.#running().id)
  readonly #data: Prepared['data']
  readonly #onClosed: (server: Server) => Promise<void>
  #engine: Engine | null = null
  #isUsed = false
  #closing: Promise<number> | null = null
  #forgetSignals: () => void = () => {}
  #addresses: readonly string[] = []
  #isSecure = false
  /** The workers that this thread has started. */
  #workers: Member | null = null
  #place: Place | null = null
  /** Reloads when files change. */
  #sources: SourceWatch | null = null
  /** In a worker that does not serve it: the number of the server. */
  #observed: number | null = null

  /** @internal `onClosed` runs the stop hooks when nothing else of the application runs. */
  constructor(data: Prepared['data'], onClosed: (server: Server) => Promise<void>) {
    this.#data = data
    this.#onClosed = onClosed
  }

  /** Where it listens: `127.0.0.1:3000`, `[::]:8080` or `unix:/run/app.sock`; the first of several. */
  get address(): string {
    const [first] = this.#addresses
    if (first === undefined)
      throw new ArmatureError('ARMATURE_SERVER_CLOSED', 'the server does not listen yet')
    return first
  }

  /** Everything that it listens on, in the order of `listen`; ports that were 0 are those that the system chose. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  /** The port; 0 for a Unix socket. */
  get port(): number {
    const { address } = this
    return address.startsWith('unix:') ? 0 : Number(address.slice(address.lastIndexOf(':') + 1))
  }

  /** A URL that reaches it from this machine. */
  get url(): string {
    const { address } = this
    if (address.startsWith('unix:')) return address
    const host = address.slice(0, address.lastIndexOf(':'))
    const everywhere = host === '0.0.0.0' || host === '[::]'
    return `${this.#isSecure ? 'https' : 'http'}://${everywhere ? 'localhost' : host}:${this.port}`
  }

  /** Counters and gauges, now. */
  stats(): ServerStats {
    if (this.#observed !== null) return JSON.parse(observeServer(this.#observed).stats) as ServerStats
    return this.#running().stats()
  }

  /**
   * Shared state of the application.
   * @throws ArmatureError `ARMATURE_DATA_MISSING`
   */
  data<T>(key: DataKey<T>): T {
    if (!this.#data.has(key)) throw new ArmatureError('ARMATURE_DATA_MISSING', { name: dataName(key) })
    return this.#data.get(key) as T
  }

  /**
   * Sends a message to every WebSocket that subscribes to `topic`, in any thread: a string as text, bytes as binary.
   * @throws TypeError `ARMATURE_OPTION_INVALID` for anything but a string or bytes, ArmatureError `ARMATURE_SERVER_CLOSED`
   */
  publish(topic: string, message: string | ArrayBuffer | ArrayBufferView): void {
    const data = checkMessage('publish()', message)
    this.#running().topics.publish(null, checkTopic('publish()', topic), data)
  }

  /** How many WebSockets subscribe to `topic`, in all threads together. @throws as `publish()` */
  subscribers(topic: string): number {
    return this.#running().topics.subscribers(checkTopic('subscribers()', topic))
  }

  /**
   * Starts threads with the code that is on disk now, has them serve in place of all others, and lets these finish what they
   * have: no connection is closed. Resolves when the new threads serve; from the first time on the thread that listens
   * does nothing else. Servers that share their workers reload together. A call during a reload joins it.
   *
   * Rejects with the error of new code that does not start, with `ARMATURE_RELOAD_OPTIONS` when it has other options than
   * routes may change - the old code serves on in both cases - and with `ARMATURE_RELOAD_INLINE` under `io: 'inline'`.
   */
  async reload(): Promise<void> {
    if (!isPrimary)
      throw new ArmatureError('ARMATURE_NOT_AVAILABLE', { feature: 'server.reload() in a worker' })
    const engine = this.#running()
    if (this.#closing !== null || this.#place === null) throw new ArmatureError('ARMATURE_SERVER_CLOSED')
    if (engine.ioThreads === 0) throw new ArmatureError('ARMATURE_RELOAD_INLINE')
    this.#workers ??= this.#enterPool(engine, this.#place)
    await this.#workers.reload()
  }

  /**
   * Takes other certificates, and other roots for those of clients, for all handshakes that begin from now on: of every
   * listener with `tls`, or of the one at `address`, as {@link Server.addresses} has it. Open connections stay. Certificates in
   * files need no call: they are read anew when they change.
   *
   * @throws ArmatureError `ARMATURE_TLS` when they cannot be used, and TypeError `ARMATURE_OPTION_INVALID`; the old ones stay
   */
  setTls(tls: TlsOptions, address?: string): void {
    const options = JSON.stringify(portable({ tls }).tls ?? null)
    this.#running().setTls(options, address ?? null)
  }

  /** Listening keeps the process alive, which is the default. */
  ref(): this {
    if (isPrimary) this.#engine?.setReferenced(true)
    return this
  }

  /** Listening does not keep the process alive. In a worker it changes nothing: the primary thread decides. */
  unref(): this {
    if (isPrimary) this.#engine?.setReferenced(false)
    return this
  }

  /**
   * Stops accepting, closes idle connections, lets requests in progress finish for at most `timeout`, aborts the rest;
   * then, unless another server of the same application runs, runs `onStop` and disposes shared state, first in the
   * workers, which end. A second call waits for the first. Rejects with what `onStop` threw.
   *
   * In a worker it ends the part of this thread alone: nothing new comes here, what is in progress is finished, `onStop`
   * runs; the others go on.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { timeout } = options
    await this._close(timeout === undefined ? undefined : milliseconds('timeout of close()', timeout))
  }

  /** {@link Server.close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this._close(undefined)
  }

  /** @internal Resolves with the number of connections that were cut off. */
  _close(timeout: number | undefined): Promise<number> {
    this.#closing ??= this.#shutDown(timeout)
    return this.#closing
  }

  /** @internal Starts the native side, and workers if there are to be some; `place` is that of this call of `run()`. */
  async _listen(compiled: Compiled, place: Place): Promise<void> {
    if (this.#closing !== null) throw new ArmatureError('ARMATURE_SERVER_CLOSED', 'closed before it listened')
    this.#isUsed = true
    const engine = Engine.listen(compiled)
    this.#engine = engine
    this.#addresses = Object.freeze(engine.addresses)
    this.#isSecure = engine.settings.secure
    if (engine.settings.signals) this.#forgetSignals = watchSignals(this)
    place.opened(engine.id)
    this.#place = place
    if (engine.settings.workers > 1) {
      this.#workers = this.#enterPool(engine, place)
      await this.#workers.started
    }
    this.#watchSources(engine)
  }

  /** @internal In a worker: serves beside the others. `run` is the number of this call of `run()`. */
  async _attach(compiled: Compiled, run: number, name: string | null, to: Link): Promise<void> {
    this.#isUsed = true
    const found = await to.find(run, name)
    if (found === null) return
    this.#addresses = observeServer(found.id).addresses
    this.#isSecure = serverSettings(found.id).secure
    if (!found.serve) {
      this.#observed = found.id
      return
    }
    const engine = Engine.attach(compiled, found.id, to)
    this.#engine = engine
    to.attached(found.id, (timeout) => this._close(timeout))
  }

  /** @internal Whether it has not listened yet. */
  get _isNew(): boolean {
    return !this.#isUsed && this.#closing === null
  }

  /** @internal */
  get _isClosing(): boolean {
    return this.#closing !== null
  }

  /** @internal The time that signals leave between failing readiness and draining. */
  get _preDrain(): number {
    return this.#engine?.settings.preDrain ?? 0
  }

  /** @internal A signal has come: load balancers are to look elsewhere. */
  _endReadiness(): void {
    if (this.#closing === null) this.#engine?.endReadiness()
  }

  /** @internal */
  get _routes(): number {
    return this.#running().routes
  }

  /** @internal */
  get _ioThreads(): number {
    return this.#running().ioThreads
  }

  /** @internal JavaScript threads. */
  get _threads(): number {
    return this.#running().settings.workers
  }

  /** @internal */
  get _engine(): Engine {
    return this.#running()
  }

  async #shutDown(timeout: number | undefined): Promise<number> {
    const engine = this.#engine
    this.#sources?.close()
    let cutOff = 0
    const errors: unknown[] = []
    const attempt = async (step: () => Promise<unknown>) => {
      try {
        await step()
      } catch (error) {
        errors.push(error)
      }
    }
    await attempt(async () => {
      if (engine === null) return
      const workers = this.#workers
      const stopWorkers = workers === null ? undefined : (left: number) => attempt(() => workers.stop(left))
      cutOff = await engine.close(timeout ?? engine.settings.shutdown, stopWorkers)
    })
    this.#place?.closed()
    this.#forgetSignals()
    await attempt(() => this.#onClosed(this))
    // Who waits for the end finds the last lines where they belong.
    flushAll()
    if (link !== null && engine !== null) link.stopped(engine.id, errors[0])
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, 'stopping failed in several places')
    return cutOff
  }

  #watchSources({ settings: { watch, entry } }: Engine): void {
    if (watch === null || this.#closing !== null) return
    const closes = () => this.#closing !== null
    this.#sources = SourceWatch.reloading(watch, entry, () => this.reload(), closes)
  }

  #enterPool(engine: Engine, place: Place): Member {
    const { entry, workers, workerTimes } = engine.settings
    return Pool.of(entry, workerTimes).enter(place, engine, workers)
  }

  #running(): Engine {
    if (this.#engine === null) throw new ArmatureError('ARMATURE_SERVER_CLOSED', 'the server does not run')
    return this.#engine
  }
}
