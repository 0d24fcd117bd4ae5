import type { ResponseSink } from './bridge/types.js'

/** How long the head of a streamed response waits for the first piece of its body, in milliseconds. */
const PATIENCE = 10

// Taken at load, so that the fake timers of a test runner do not stop a server.
const { setTimeout, clearTimeout } = globalThis

/**
 * A streamed response whose head has not left: the first piece sends it, and so does the end, or the time that a source
 * is waited for. Until then an error of the source can still become the answer.
 *
 * @internal
 */
export class HeadSink implements ResponseSink {
  readonly #begin: () => ResponseSink
  readonly #refused: (error: unknown) => void
  readonly #timer: ReturnType<typeof setTimeout>
  #sink: ResponseSink | null = null
  #over = false
  #drain: () => void = nothing
  #close: () => void = nothing

  /** `begin` sends the head and opens the body; `refused` answers with an error instead. */
  constructor(begin: () => ResponseSink, refused: (error: unknown) => void) {
    this.#begin = begin
    this.#refused = refused
    this.#timer = setTimeout(() => this.#late(), PATIENCE)
  }

  get bufferedAmount(): number {
    return this.#sink?.bufferedAmount ?? 0
  }

  write(chunk: string | Uint8Array): boolean {
    return this.#open()?.write(chunk) ?? true
  }

  end(): void {
    this.#open()?.end()
  }

  fail(): void {
    this.#open()?.fail()
  }

  /** Answers with the error; false when the head has left. */
  refuse(error: unknown): boolean {
    if (this.#sink !== null || this.#over) return false
    this.#finish()
    this.#refused(error)
    return true
  }

  /** Nobody waits for the head any more. It is sent all the same: that ends the request on the other side. */
  abort(): void {
    this.#open()
  }

  onDrain(listener: () => void): void {
    this.#drain = listener
    this.#sink?.onDrain(listener)
  }

  onClose(listener: () => void): void {
    this.#close = listener
    if (this.#over) listener()
    else this.#sink?.onClose(listener)
  }

  #open(): ResponseSink | null {
    if (this.#sink !== null || this.#over) return this.#sink
    const sink = this.#begin()
    clearTimeout(this.#timer)
    this.#sink = sink
    sink.onDrain(this.#drain)
    sink.onClose(this.#close)
    return sink
  }

  #late(): void {
    try {
      this.#open()
    } catch (error) {
      // The head cannot be sent: nobody else is there to hear of it.
      this.refuse(error)
      this.#close()
    }
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }
}

function nothing(): void {}
