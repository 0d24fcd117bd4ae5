import { orAborted } from './aborted.js'
import { type DataOverrides, type Prepared, prepare, unwind } from './application.js'
import { isDevelopment } from './development.js'
import { ArmatureError } from './errors.js'
import type { RunOptions } from './generated/config.js'
import type { InjectedRequest } from './inject-answer.js'
import { Injector } from './injector.js'
import { isLogLike } from './log/app-log.js'
import { portable, readRunOptions } from './options.js'
import { type AnyScope, nodeOf } from './scope.js'
import type { ScopeNode } from './scope-node.js'
import { Server } from './server.js'
import { isPrimary, type Link, link } from './workers/link.js'
import { countCall, Place } from './workers/places.js'

const lifecycles = new WeakMap<ScopeNode, Lifecycle>()

/** The life of `app`, which its servers and its injected requests share. */
export function lifecycleOf(app: AnyScope): Lifecycle {
  const node = nodeOf(app) as ScopeNode
  let lifecycle = lifecycles.get(node)
  if (lifecycle === undefined) {
    lifecycle = new Lifecycle(app)
    lifecycles.set(node, lifecycle)
  }
  return lifecycle
}

/**
 * The life of one application: its start hooks run once, for whoever comes first, a server or an injected request; its
 * stop hooks run when the last server has closed. Injected requests go to a server where one runs.
 */
export class Lifecycle {
  readonly #app: AnyScope
  readonly #servers = new Set<Server>()
  #injector: Injector | null = null
  /** What the start hooks are given; it is the first server that `run()` gives, too. */
  #started: Promise<Server> | null = null
  #prepared: Prepared | null = null
  /** Calls of {@link Lifecycle.run} in progress. */
  #running = 0
  /** Injected requests that wait for the start. */
  #injecting = 0
  #closed = false
  #unwound: Promise<void> = Promise.resolve()

  constructor(app: AnyScope) {
    this.#app = app
  }

  /** Listens, or attaches, after the start hooks. When that fails, what was started for it is undone. */
  async run(options: RunOptions, overrides: DataOverrides): Promise<Server> {
    const call = countCall()
    const place = link === null ? new Place(call) : null
    try {
      const prepared = await prepare(this.#app, options, overrides)
      const { name } = prepared.settings
      if (place !== null) place.name = name
      return await this.#run(prepared, (server) =>
        place !== null
          ? server._listen(prepared.compiled, place)
          : server._attach(prepared.compiled, call, name, link as Link),
      )
    } catch (error) {
      place?.closed()
      link?.failed(call, error)
      throw error
    }
  }

  async #run(prepared: Prepared, serve: (server: Server) => Promise<void>): Promise<Server> {
    const started = this.#start(prepared)
    this.#running++
    let server: Server | null = null
    try {
      const first = await started
      server = first._isNew ? first : new Server(prepared.data, this.#onClosed)
      await serve(server)
      this.#servers.add(server)
      this.#closed = false
      return server
    } catch (error) {
      // The reason is what counts; what fails while undoing comes second.
      await server?._close(0).catch(() => {})
      const alone = this.#running === 1 && this.#injecting === 0 && this.#injector === null
      if (alone && started === this.#started) await this.#stop().catch(() => {})
      throw error
    } finally {
      this.#running--
    }
  }

  /** Sends a request to a server that runs, or through an engine without listener. */
  async inject(
    request: InjectedRequest,
    body: Buffer | null,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    if (!this.#closed) {
      await this.#startFor(signal)
      const server = [...this.#servers].find((one) => !one._isClosing) ?? [...this.#servers][0]
      if (server !== undefined) return server._engine.inject(request, body, signal)
      if (this.#prepared !== null) {
        this.#injector ??= new Injector(this.#prepared.compiled)
        return this.#injector.inject(request, body, signal)
      }
    }
    const why = 'the server of this application was closed: run() it again, or make another application'
    throw new ArmatureError('ARMATURE_SERVER_CLOSED', why)
  }

  /** The start for an injected request, unless `signal` comes first. */
  async #startFor(signal: AbortSignal | undefined): Promise<void> {
    this.#injecting++
    try {
      await orAborted(this.#started ?? prepare(this.#app, {}, []).then((p) => this.#start(p)), signal)
    } finally {
      this.#injecting--
    }
  }

  #start(prepared: Prepared): Promise<Server> {
    this.#started ??= this.#runHooks(prepared)
    return this.#started
  }

  async #runHooks(prepared: Prepared): Promise<Server> {
    await this.#unwound.catch(() => {})
    const server = new Server(prepared.data, this.#onClosed)
    this.#prepared = prepared
    try {
      const hooks = prepared.onStart.filter(({ once }) => isPrimary || !once)
      for (const hook of hooks) await (hook.run as (server: Server) => unknown)(server)
      return server
    } catch (error) {
      // It may be repeated, for instance when a database comes up.
      await this.#stop().catch(() => {})
      throw error
    }
  }

  readonly #onClosed = async (server: Server): Promise<void> => {
    if (!this.#servers.delete(server) || this.#servers.size > 0 || this.#running > 0) return
    this.#closed = true
    await this.#stop()
  }

  /** Back to the beginning, unless a server runs: the stop hooks run. */
  #stop(): Promise<void> {
    if (this.#servers.size > 0 || this.#prepared === null) return Promise.resolve()
    this.#injector?.stop()
    this.#injector = null
    this.#started = null
    this.#unwound = unwind(this.#prepared)
    this.#prepared = null
    return this.#unwound
  }
}

/** @internal Runs `app`; resolves when it listens. */
export async function runApp(
  app: AnyScope,
  target?: string | number | RunOptions,
  overrides: DataOverrides = [],
  quiet = false,
): Promise<Server> {
  const { log, ...options } = readRunOptions(target)
  if (isLogLike(log)) (nodeOf(app) as ScopeNode).log.use(log)
  else Object.assign(options, { log })
  const server = await lifecycleOf(app).run(portable(options), overrides)
  if (isPrimary && isDevelopment() && !quiet) announce(server)
  return server
}

function announce(server: Server): void {
  const routes = count(server._routes, 'route')
  const threads = server._ioThreads === 0 ? 'IO inline' : count(server._ioThreads, 'IO thread')
  const js = count(server._threads, 'JS thread')
  // What programs read from stdout, such as a log in JSON, is not to have it among its lines.
  process.stderr.write(`armature: ${server.url} | ${routes} | ${threads} | ${js}\n`)
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
