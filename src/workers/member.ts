import { ArmatureError } from '../errors.js'
import type { Place } from './places.js'
import type { Pool } from './pool.js'
import type { PoolWorker } from './worker.js'

/** How long workers may take from the start to their servers. */
const START_PATIENCE = 30_000
/** How long the stop hooks of a worker may take, in milliseconds, beyond what its requests get. */
const STOP_PATIENCE = 10_000

// Taken at load, so that fake timers of a test runner do not stop a drain.
const { setTimeout, clearTimeout } = globalThis

/** One server with its workers. */
export class Member {
  readonly place: Place
  readonly server: number
  readonly count: number
  /** Which of the pool's servers it is, from 1. */
  readonly number: number
  /** Resolves when every worker has attached; rejects with the error of the first that cannot. */
  readonly started: Promise<void>
  readonly #pool: Pool
  /** Workers that have not attached for the first time. */
  readonly #starting: Set<number>
  #onStarted: () => void = () => {}
  #onFailed: (error: Error) => void = () => {}
  /** Set when the server stops: workers that have not. */
  #stopping: Set<PoolWorker> | null = null
  #onStopped: () => void = () => {}
  readonly #errors: Error[] = []
  readonly #late: NodeJS.Timeout

  constructor(pool: Pool, place: Place, server: number, count: number, number: number) {
    this.#pool = pool
    this.place = place
    this.server = server
    this.count = count
    this.number = number
    this.#starting = new Set(Array.from({ length: count - 1 }, (_, index) => index + 1))
    this.started = new Promise((resolve, reject) => {
      this.#onStarted = resolve
      this.#onFailed = reject
    })
    const late = `they did not call run() within ${START_PATIENCE / 1000} s`
    this.#late = setTimeout(() => {
      const workers = [...this.#starting].join(', ')
      this.failed(new ArmatureError('ARMATURE_WORKER_START', { worker: workers, why: late }))
    }, START_PATIENCE)
    const over = () => clearTimeout(this.#late)
    this.started.then(over, over)
  }

  attached(worker: PoolWorker): void {
    this.#starting.delete(worker.index)
    if (this.#starting.size === 0) this.#onStarted()
  }

  /** A call of `run()` in a worker has rejected. */
  failed(error: Error): void {
    if (this.#starting.size > 0) this.#onFailed(error)
  }

  /** A thread has ended; true when that ends the start. */
  lost(worker: PoolWorker, why: Error): boolean {
    if (worker.index >= this.count) return false
    this.#left(worker)
    if (this.#starting.size === 0) return false
    this.#onFailed(startError(worker, why))
    return true
  }

  stopped(worker: PoolWorker, error: Error | null): void {
    if (error !== null) this.#errors.push(error)
    this.#left(worker)
  }

  /**
   * Stops every worker, once its requests are answered or `timeout` milliseconds are over, and ends those without work.
   * Rejects with what their stop hooks threw.
   */
  async stop(timeout: number): Promise<void> {
    const closed = new ArmatureError(
      'ARMATURE_SERVER_CLOSED',
      'the server was closed while its workers started',
    )
    this.failed(closed)
    const workers = this.#pool.workers(this.count).filter((worker) => worker.serves.has(this.server))
    this.#stopping = new Set(workers)
    const stopped = new Promise<void>((resolve) => {
      this.#onStopped = resolve
    })
    for (const worker of workers) {
      worker.setReferenced(true)
      worker.say({ type: 'stop', server: this.server, timeout })
    }
    const timer = setTimeout(() => this.#onStopped(), timeout + STOP_PATIENCE)
    if (workers.length > 0) await stopped
    clearTimeout(timer)
    for (const worker of this.#stopping) worker.terminate()
    await this.#pool.leave(this, false)
    const [first, ...more] = this.#errors
    if (first !== undefined && more.length === 0) throw first
    if (first !== undefined) throw new AggregateError(this.#errors, 'stopping failed in several workers')
  }

  #left(worker: PoolWorker): void {
    this.#stopping?.delete(worker)
    if (this.#stopping?.size === 0) this.#onStopped()
  }
}

/** What the worker threw, if that is what ended it; it names the worker otherwise. */
function startError(worker: PoolWorker, why: Error): Error {
  const { index } = worker
  return new ArmatureError('ARMATURE_WORKER_START', { worker: index, why: why.message }, { cause: why })
}
