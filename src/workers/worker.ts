import { MessageChannel, type MessagePort, receiveMessageOnPort, type Worker } from 'node:worker_threads'
import { type FromWorker, SEAT, type Seat, type ToWorker } from './messages.js'
import { spawnWorker } from './spawn.js'
import type { WorkerTimes } from './times.js'

// Taken at load, so that fake timers of a test runner do not keep threads.
const { setTimeout, clearTimeout } = globalThis

/** What becomes of a worker's thread. */
export interface WorkerOwner {
  readonly times: WorkerTimes
  receive(worker: PoolWorker, message: FromWorker): void
  /** The thread has ended; `why` says how. Nothing was asked for: another thread will follow after `delay` milliseconds. */
  lost(worker: PoolWorker, why: Error, delay: number): void
  /** The thread has ended as it was asked to. */
  ended(worker: PoolWorker): void
}

/** One place in a pool: a thread, or the wait for the next one. */
export class PoolWorker {
  readonly index: number
  /** Of the code that it runs. */
  readonly generation: number
  /** It finishes what it has, and nobody follows. */
  isLeaving = false
  readonly #entry: string
  readonly #owner: WorkerOwner
  restarts = 0
  /** Servers that the thread serves. */
  readonly serves = new Set<number>()
  #thread: Worker | null = null
  #port: MessagePort | null = null
  #failures = 0
  #stableSince = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #ending = false
  #referenced = true
  #ended: (() => void)[] = []

  constructor(index: number, generation: number, entry: string, owner: WorkerOwner) {
    this.index = index
    this.generation = generation
    this.#entry = entry
    this.#owner = owner
    this.#start()
  }

  say(message: ToWorker): void {
    this.#port?.postMessage(message)
  }

  /** Whether the process lives as long as the thread. */
  setReferenced(referenced: boolean): void {
    this.#referenced = referenced
    if (referenced) this.#thread?.ref()
    else this.#thread?.unref()
  }

  /** It serves everything that it is to serve. */
  settled(): void {
    clearTimeout(this.#timer)
    this.#stableSince = Date.now()
  }

  /** Resolves when the thread has ended. */
  gone(): Promise<void> {
    if (this.#thread === null) return Promise.resolve()
    return new Promise((resolve) => this.#ended.push(resolve))
  }

  /** Ends the thread, at once with `force`. Another one does not follow. */
  async end(force: boolean): Promise<void> {
    this.#ending = true
    clearTimeout(this.#timer)
    const thread = this.#thread
    if (thread === null) {
      this.#owner.ended(this)
      return
    }
    const ended = this.gone()
    thread.ref()
    if (force) void thread.terminate()
    else {
      this.say({ type: 'end' })
      this.#timer = setTimeout(() => void thread.terminate(), this.#owner.times.end)
    }
    await ended
    clearTimeout(this.#timer)
  }

  /** Ends a thread that does not do what it should. Another one follows. */
  terminate(): void {
    void this.#thread?.terminate()
  }

  #start(): void {
    const { port1, port2 } = new MessageChannel()
    const { index, generation, restarts } = this
    const seat: Seat = { port: port2, index, generation, restarts }
    const thread = spawnWorker(this.#entry, {
      name: `armature worker ${this.index}`,
      workerData: { [SEAT]: seat },
      transferList: [port2],
    })
    this.#thread = thread
    this.#port = port1
    port1.on('message', (message: FromWorker) => this.#owner.receive(this, message))
    port1.unref()
    this.setReferenced(this.#referenced)
    let error: unknown
    thread.on('error', (thrown) => {
      error = thrown
    })
    thread.on('exit', (code) => this.#onExit(code, error))
    const patience = this.#owner.times.start
    this.#timer = setTimeout(() => {
      error = new Error(`it did not call run() within ${patience / 1000} s (workers.startTimeout)`)
      void thread.terminate()
    }, patience)
    this.#timer.unref()
  }

  /** What a thread said before it ended may come after its exit, for which there is another line. */
  #hearOut(): void {
    for (;;) {
      const heard = this.#port && receiveMessageOnPort(this.#port)
      if (!heard) return
      this.#owner.receive(this, heard.message as FromWorker)
    }
  }

  #onExit(code: number, error: unknown): void {
    clearTimeout(this.#timer)
    this.#hearOut()
    this.#port?.close()
    this.#port = null
    this.#thread = null
    this.serves.clear()
    for (const ended of this.#ended.splice(0)) ended()
    if (this.#ending || this.isLeaving) {
      this.#owner.ended(this)
      return
    }
    const { restart, maxRestart } = this.#owner.times
    const isStable = Date.now() - this.#stableSince >= maxRestart
    this.#stableSince = Number.POSITIVE_INFINITY
    this.#failures = isStable ? 1 : this.#failures + 1
    const delay = Math.min(restart * 2 ** (this.#failures - 1), maxRestart)
    const why = error === undefined ? new Error(`it ended with code ${code}`) : asError(error)
    this.#timer = setTimeout(() => {
      this.restarts++
      this.#start()
    }, delay)
    this.#timer.unref()
    this.#owner.lost(this, why, delay)
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`it threw ${String(thrown)}`)
}
