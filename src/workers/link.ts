import { isMainThread, workerData } from 'node:worker_threads'
import { type FromWorker, portableError, SEAT, type Seat, type ToWorker } from './messages.js'

/** Which server a call of `run()` belongs to. */
export interface FoundServer {
  readonly id: number
  /** Whether this thread is to serve it; with fewer workers than another server has, some do not. */
  readonly serve: boolean
}

/** The worker's end of the line to the primary thread. */
export class Link {
  readonly index: number
  readonly generation: number
  readonly restarts: number
  readonly #port: Seat['port']
  /** Calls of `run()` that wait to hear which server they belong to. */
  readonly #waiting = new Map<number, (answer: ToWorker & { type: 'server' }) => void>()
  /** How this thread stops serving a server. */
  readonly #stops = new Map<number, (timeout: number) => Promise<unknown>>()

  constructor({ port, index, generation, restarts }: Seat) {
    this.index = index
    this.generation = generation
    this.restarts = restarts
    this.#port = port
    port.on('message', (message: ToWorker) => this.#receive(message))
    // What keeps a worker alive is what it serves.
    port.unref()
  }

  /**
   * Asks which server the call number `run` belongs to; waits until the primary thread has come as far. `null` when that
   * server has ended.
   */
  async find(run: number, name: string | null): Promise<FoundServer | null> {
    const answer = new Promise<ToWorker & { type: 'server' }>((resolve) => this.#waiting.set(run, resolve))
    this.#port.ref()
    this.#say({ type: 'run', run, name })
    const { server, serve } = await answer
    this.#waiting.delete(run)
    if (this.#waiting.size === 0) this.#port.unref()
    return server === null ? null : { id: server, serve }
  }

  /** This thread serves; `stop` ends that. */
  attached(server: number, stop: (timeout: number) => Promise<unknown>): void {
    this.#stops.set(server, stop)
    this.#say({ type: 'attached', server })
  }

  failed(run: number, error: unknown): void {
    this.#say({ type: 'failed', run, error: portableError(error) })
  }

  /** This thread has stopped serving; `error`: what its stop hooks threw. */
  stopped(server: number, error: unknown): void {
    this.#stops.delete(server)
    this.#say({ type: 'stopped', server, error: error === undefined ? null : portableError(error) })
  }

  #say(message: FromWorker): void {
    this.#port.postMessage(message)
  }

  #receive(message: ToWorker): void {
    if (message.type === 'server') this.#waiting.get(message.run)?.(message)
    // Its outcome is told by `stopped`.
    else if (message.type === 'stop')
      this.#stops
        .get(message.server)?.(message.timeout)
        .catch(() => {})
    else process.exit(0)
  }
}

const seat: Seat | undefined = isMainThread ? undefined : (workerData as Record<string, Seat> | null)?.[SEAT]

/** The line to the primary thread; `null` there, and in a thread that somebody else has started. */
export const link: Link | null = seat === undefined ? null : new Link(seat)

/**
 * Whether this is the thread that listens, and not a worker that a server has started (`workers`). For what is to be done
 * once, whatever the number of threads: `if (isPrimary) await migrate()`.
 */
export const isPrimary: boolean = link === null
