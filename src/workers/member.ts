import { ArmatureError } from '../errors.js'
import type { Place } from './places.js'
import type { Pool } from './pool.js'
import type { Start } from './start.js'
import type { PoolWorker } from './worker.js'

// Taken at load, so that fake timers of a test runner do not stop a drain.
const { setTimeout, clearTimeout } = globalThis

/** What a pool does with a server. */
export interface ServerControl {
  /** Number of the server. */
  readonly id: number
  /** Serves the routes that the workers of `generation` have, from now on. */
  advance(generation: number): void
  /** Forgets them: they do not come to serve. */
  discard(generation: number): void
  /** Time that requests get when a thread has to end, in milliseconds. */
  readonly patience: number
}

/** One server with its workers. */
export class Member {
  readonly place: Place
  readonly control: ServerControl
  readonly count: number
  /** Which of the pool's servers it is, from 1. */
  readonly number: number
  readonly #pool: Pool
  /** Set when the server stops: workers that have not. */
  #stopping: Set<PoolWorker> | null = null
  #onStopped: () => void = () => {}
  readonly #errors: Error[] = []
  #start: Start | null = null

  constructor(pool: Pool, place: Place, control: ServerControl, count: number, number: number) {
    this.#pool = pool
    this.place = place
    this.control = control
    this.count = count
    this.number = number
  }

  get server(): number {
    return this.control.id
  }

  /** @internal */
  set start(start: Start) {
    this.#start = start
  }

  /** Resolves when every worker has attached; rejects with the error of the first that cannot. */
  get started(): Promise<void> {
    return this.#start?.done ?? Promise.resolve()
  }

  /** Whether worker number `index` of `generation` serves it. The primary thread is one of the first generation alone. */
  needs(index: number, generation: number): boolean {
    return generation === 0 ? index < this.count : index <= this.count
  }

  /** New threads for new code; see {@link Pool.reload}. */
  reload(): Promise<void> {
    return this.#pool.reload()
  }

  /** Whether it is to end. */
  get isStopping(): boolean {
    return this.#stopping !== null
  }

  /** A thread has ended, or serves this server no longer. True when that was asked for. */
  left(worker: PoolWorker, error: Error | null = null): boolean {
    const wasAsked = this.#stopping?.delete(worker) === true
    if (wasAsked && error !== null) this.#errors.push(error)
    if (this.#stopping?.size === 0) this.#onStopped()
    return wasAsked
  }

  /**
   * Stops every worker, once its requests are answered or `timeout` milliseconds are over, and ends those without work.
   * Rejects with what their stop hooks threw.
   */
  async stop(timeout: number): Promise<void> {
    this.#pool.giveUp(this, new ArmatureError('ARMATURE_SERVER_CLOSED', 'the server was closed meanwhile'))
    const workers = this.#pool.workers.filter((worker) => worker.serves.has(this.server))
    this.#stopping = new Set(workers)
    this.#pool.release()
    const stopped = new Promise<void>((resolve) => {
      this.#onStopped = resolve
    })
    for (const worker of workers) {
      worker.setReferenced(true)
      worker.say({ type: 'stop', server: this.server, timeout })
    }
    const timer = setTimeout(() => this.#onStopped(), timeout + this.#pool.times.stop)
    if (workers.length > 0) await stopped
    clearTimeout(timer)
    for (const worker of this.#stopping) worker.terminate()
    await this.#pool.leave(this)
    const [first, ...more] = this.#errors
    if (first !== undefined && more.length === 0) throw first
    if (first !== undefined) throw new AggregateError(this.#errors, 'stopping failed in several workers')
  }
}
