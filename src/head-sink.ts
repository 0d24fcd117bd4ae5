import type { ResponseSink, SinkListener } from './bridge/types.js'

/** How long the head of a streamed response waits for the first piece of its body, in milliseconds. */
const PATIENCE = 10

// Taken at load, so that the fake timers of a test runner do not stop a server.
const { setTimeout, clearTimeout } = globalThis

/** What a {@link HeadSink} does with its head. */
export interface HeadOwner {
  /** Sends the head and opens the body. */
  begin(): ResponseSink
  /** Answers with the error instead. */
  refused(error: unknown): void
}

/**
 * A streamed response whose head has not left: the first piece sends it, and so does the end, or the time that a source
 * is waited for. Until then an error of the source can still become the answer.
 *
 * @internal
 */
export class HeadSink implements ResponseSink {
  /** Until the head has left: a stream that goes on should be small. */
  #owner: HeadOwner | null
  #timer: ReturnType<typeof setTimeout> | undefined
  #sink: ResponseSink | null = null
  #listener: SinkListener | null = null

  constructor(owner: HeadOwner) {
    this.#owner = owner
    this.#timer = setTimeout(late, PATIENCE, this)
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
    const owner = this.#owner
    if (owner === null) return false
    this.#finish()
    owner.refused(error)
    return true
  }

  /** Nobody waits for the head any more. It is sent all the same: that ends the request on the other side. */
  closed(): void {
    this.#open()
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    if (this.#sink !== null) pass(listener, this.#sink)
    else if (this.#owner === null) listener.closed()
  }

  /** @internal The time that a source is waited for is over. */
  late(): void {
    try {
      this.#open()
    } catch (error) {
      // The head cannot be sent: nobody else is there to hear of it.
      this.refuse(error)
      this.#listener?.closed()
    }
  }

  #open(): ResponseSink | null {
    if (this.#owner === null) return this.#sink
    const sink = this.#owner.begin()
    this.#finish()
    this.#sink = sink
    if (this.#listener !== null) pass(this.#listener, sink)
    return sink
  }

  #finish(): void {
    this.#owner = null
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** A stream that goes on should be small: its listener writes to the sink itself. */
function pass(listener: SinkListener, sink: ResponseSink): void {
  listener.replaced(sink)
  sink.listen(listener)
}

function late(sink: HeadSink): void {
  sink.late()
}
