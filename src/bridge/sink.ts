import type { RequestRecord } from './record.js'
import type { ResponseSink, SinkListener } from './types.js'

/** Largest piece of one command; a long chunk crosses in several, so that the command buffer keeps its size. */
const PIECE = 64 * 1024

/** What a sink needs of its lane. */
export interface SinkOwner {
  writeData(record: RequestRecord, chunk: string | Uint8Array): number
  endStream(record: RequestRecord, complete: boolean): void
}

/** The bridge's end of a streamed response: spends credit, and waits for more when there is none. */
export class StreamSink implements ResponseSink {
  readonly #owner: SinkOwner
  readonly #record: RequestRecord
  readonly #window: number
  #credit: number
  #open = true
  #full = false
  #listener: SinkListener | null = null

  constructor(owner: SinkOwner, record: RequestRecord, window: number) {
    this.#owner = owner
    this.#record = record
    this.#window = window
    this.#credit = window
  }

  get bufferedAmount(): number {
    return this.#window - this.#credit
  }

  write(chunk: string | Uint8Array): boolean {
    if (!this.#open) return true
    // Characters, not bytes: a piece of text takes at most three times as much.
    for (let at = 0; at < chunk.length && this.#open; ) {
      const end = pieceEnd(chunk, at)
      const piece = at === 0 && end === chunk.length ? chunk : slice(chunk, at, end)
      this.#credit -= this.#owner.writeData(this.#record, piece)
      at = end
    }
    this.#full = this.#credit <= 0
    return !this.#full
  }

  end(): void {
    this.#finish(true)
  }

  fail(): void {
    this.#finish(false)
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    if (!this.#open) listener.closed()
  }

  /** The socket has taken `bytes`. */
  credit(bytes: number): void {
    this.#credit += bytes
    if (this.#full && this.#credit > 0) {
      this.#full = false
      this.#listener?.drained()
    }
  }

  /** Nobody receives any more. */
  closed(): void {
    if (!this.#open) return
    this.#open = false
    this.#listener?.closed()
  }

  #finish(complete: boolean): void {
    if (!this.#open) return
    this.#open = false
    this.#owner.endStream(this.#record, complete)
  }
}

function pieceEnd(chunk: string | Uint8Array, at: number): number {
  const end = Math.min(at + PIECE, chunk.length)
  if (typeof chunk !== 'string' || end === chunk.length) return end
  // A surrogate pair is one character of UTF-8 and must not be split.
  const last = chunk.charCodeAt(end - 1)
  return last >= 0xd800 && last < 0xdc00 ? end - 1 : end
}

function slice(chunk: string | Uint8Array, at: number, end: number): string | Uint8Array {
  return typeof chunk === 'string' ? chunk.slice(at, end) : chunk.subarray(at, end)
}
