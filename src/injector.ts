import { Engine } from './engine.js'
import type { InjectedRequest } from './inject-answer.js'
import type { Compiled } from './plan.js'

/** Engines with nothing to do that are kept; each has a thread. A test suite makes an application for every test. */
const MAX_IDLE = 4
/** How long they are kept, in milliseconds. */
const IDLE_TIME = 1000

// Taken at load, so that fake timers of a test runner do not keep threads.
const { setTimeout, clearTimeout } = globalThis

/** Those with an idle engine, the longest idle first. */
const idle = new Set<Injector>()

/**
 * Runs injected requests of an application that does not listen. Its engine exists while there is something to do and
 * for a moment longer; it starts anew when it is needed again, which nobody notices: start hooks and shared state are not
 * the engine's.
 */
export class Injector {
  readonly #compiled: Compiled
  #engine: Engine | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(compiled: Compiled) {
    this.#compiled = compiled
  }

  /** Starts the engine unless it runs. Throws what its constructor throws. */
  inject(request: InjectedRequest, body: Buffer | null, signal: AbortSignal | undefined): Promise<Response> {
    idle.delete(this)
    this.#engine ??= Engine.inject(this.#compiled, () => this.#rest())
    const response = this.#engine.inject(request, body, signal)
    if (this.#engine.injections === 0) this.#rest()
    return response
  }

  /** Ends the engine; requests in progress fail. */
  stop(): void {
    idle.delete(this)
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#engine?.stop()
    this.#engine = null
  }

  #rest(): void {
    idle.add(this)
    if (this.#timer !== undefined) this.#timer.refresh()
    else {
      this.#timer = setTimeout(() => this.#timeIsUp(), IDLE_TIME)
      this.#timer.unref()
    }
    for (const longest of idle) {
      if (idle.size <= MAX_IDLE) break
      longest.stop()
    }
  }

  #timeIsUp(): void {
    this.#timer = undefined
    if (idle.has(this)) this.stop()
  }
}
