import type { Prepared } from './application.js'
import { type DataKey, dataName } from './data.js'
import { milliseconds } from './duration.js'
import { Engine } from './engine.js'
import { ArmatureError } from './errors.js'
import type { Duration } from './generated/config.js'
import type { Compiled } from './plan.js'
import { watchSignals } from './signals.js'
import type { ServerStats } from './stats.js'

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
  readonly #data: Prepared['data']
  readonly #onClosed: (server: Server) => Promise<void>
  #engine: Engine | null = null
  #closing: Promise<number> | null = null
  #forgetSignals: () => void = () => {}
  #addresses: readonly string[] = []

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
    return `http://${everywhere ? 'localhost' : host}:${this.port}`
  }

  /** Counters and gauges, now. */
  stats(): ServerStats {
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

  /** Reserved: sends a message to WebSocket subscribers. Throws `ARMATURE_NOT_AVAILABLE`. */
  publish(_topic: string, _message: string | Uint8Array): never {
    throw new ArmatureError('ARMATURE_NOT_AVAILABLE', { feature: 'server.publish()' })
  }

  /** Reserved: starts the code anew. Rejects with `ARMATURE_NOT_AVAILABLE`. */
  reload(): Promise<never> {
    return Promise.reject(new ArmatureError('ARMATURE_NOT_AVAILABLE', { feature: 'server.reload()' }))
  }

  /** Reserved: swaps certificates. Throws `ARMATURE_NOT_AVAILABLE`. */
  setTls(_tls: object): never {
    throw new ArmatureError('ARMATURE_NOT_AVAILABLE', { feature: 'server.setTls()' })
  }

  /** Listening keeps the process alive, which is the default. */
  ref(): this {
    this.#engine?.setReferenced(true)
    return this
  }

  /** Listening does not keep the process alive. */
  unref(): this {
    this.#engine?.setReferenced(false)
    return this
  }

  /**
   * Stops accepting, closes idle connections, lets requests in progress finish for at most `timeout`, aborts the rest;
   * then, unless another server of the same application runs, runs `onStop` and disposes shared state. A second call
   * waits for the first. Rejects with what `onStop` threw.
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

  /** @internal Starts the native side. */
  _listen(compiled: Compiled): void {
    if (this.#closing !== null) throw new ArmatureError('ARMATURE_SERVER_CLOSED', 'closed before it listened')
    const engine = new Engine(compiled, true)
    this.#engine = engine
    this.#addresses = Object.freeze(engine.addresses)
    if (engine.settings.signals) this.#forgetSignals = watchSignals(this)
  }

  /** @internal Whether it has not listened yet. */
  get _isNew(): boolean {
    return this.#engine === null && this.#closing === null
  }

  /** @internal */
  get _isClosing(): boolean {
    return this.#closing !== null
  }

  /** @internal The time that signals leave between failing readiness and draining. */
  get _preDrain(): number {
    return this.#engine?.settings.preDrain ?? 0
  }

  /** @internal */
  get _routes(): number {
    return this.#running().routes
  }

  /** @internal */
  get _ioThreads(): number {
    return this.#running().ioThreads
  }

  /** @internal */
  get _engine(): Engine {
    return this.#running()
  }

  async #shutDown(timeout: number | undefined): Promise<number> {
    const engine = this.#engine
    let cutOff = 0
    try {
      if (engine !== null) cutOff = await engine.close(timeout ?? engine.settings.shutdown)
    } finally {
      this.#forgetSignals()
    }
    await this.#onClosed(this)
    return cutOff
  }

  #running(): Engine {
    if (this.#engine === null) throw new ArmatureError('ARMATURE_SERVER_CLOSED', 'the server does not run')
    return this.#engine
  }
}
