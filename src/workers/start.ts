import { ArmatureError } from '../errors.js'

// Taken at load, so that fake timers of a test runner do not keep threads.
const { setTimeout, clearTimeout } = globalThis

/** Workers of one generation that are to serve for the first time. */
export class Start {
  readonly generation: number
  /** Resolves when every one of them serves; rejects with the error of the first that cannot. */
  readonly done: Promise<void>
  /** By number of the worker, the servers that it does not serve yet. */
  readonly #waiting = new Map<number, Set<number>>()
  #resolve: () => void = () => {}
  #reject: (error: Error) => void = () => {}

  /** `pairs`: which worker is to serve which server, within `patience` milliseconds. */
  constructor(
    generation: number,
    pairs: Iterable<readonly [worker: number, server: number]>,
    patience: number,
  ) {
    this.generation = generation
    for (const [worker, server] of pairs) {
      const servers = this.#waiting.get(worker) ?? new Set()
      this.#waiting.set(worker, servers.add(server))
    }
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const timer = setTimeout(() => this.#isLate(patience), patience)
    const over = () => clearTimeout(timer)
    // A server that is closed while it starts may have nobody who waits.
    this.done.then(over, over)
    this.#look()
  }

  attached(worker: number, server: number): void {
    const servers = this.#waiting.get(worker)
    servers?.delete(server)
    if (servers?.size === 0) this.#waiting.delete(worker)
    this.#look()
  }

  /** Whether this worker does not serve everything yet. */
  awaits(worker: number): boolean {
    return this.#waiting.has(worker)
  }

  concerns(server: number): boolean {
    return [...this.#waiting.values()].some((servers) => servers.has(server))
  }

  fail(error: Error): void {
    this.#reject(error)
  }

  #look(): void {
    if (this.#waiting.size === 0) this.#resolve()
  }

  #isLate(patience: number): void {
    const why = `it did not call run() within ${patience / 1000} s (workers.startTimeout)`
    const worker = [...this.#waiting.keys()].join(', ')
    this.fail(new ArmatureError('ARMATURE_WORKER_START', { worker, why }))
  }
}
