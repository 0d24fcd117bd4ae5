import type { AsyncResource } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { publishError } from './diagnostics.js'
import { ArmatureError } from './errors.js'
import { EventStream, encodeEvent } from './events.js'
import { logUnhandled } from './log/unhandled.js'
import { Outlet, OutletWriter, type RefusingSink } from './outlet.js'
import type { HttpRequest } from './request.js'

/** A piece of a streamed body; strings are sent as UTF-8, empty pieces are skipped. */
export type StreamChunk = string | Uint8Array

/**
 * Where a streamed body comes from: a web or Node stream, anything iterable (generators too), or a function that writes.
 *
 * The head of the response leaves with the first chunk, at the end, or after 10 ms, whichever comes first. A source that
 * fails before answers with an error, as if the handler had thrown it; later the connection is reset.
 *
 * When the client leaves or the server stops, streams are cancelled or destroyed and iterators get `return()`.
 */
export type StreamSource =
  | ReadableStream<StreamChunk>
  | Readable
  | AsyncIterable<StreamChunk>
  | Iterable<StreamChunk>
  | ((writer: StreamWriter) => unknown)

/**
 * Given to the function form of `HttpResponse.stream()`; the body ends when the function has ended.
 *
 * @example
 * HttpResponse.stream(async (writer) => {
 *   for (const row of rows) await writer.write(`${row.id}\n`)
 * }, { type: 'text/csv' })
 */
export interface StreamWriter {
  /** Nothing can be written any more: the body has ended, the client left or the server is stopping. */
  readonly closed: boolean
  /**
   * Sends a chunk. Resolves when the next one is welcome: awaiting it is the back-pressure.
   * @throws ArmatureError `ARMATURE_STREAM_CLOSED` (as a rejection) when {@link closed}
   */
  write(chunk: StreamChunk): Promise<void>
  /** Ends the body before the function ends. */
  close(): void
}

/** @internal Whether a handler's value is sent piece by piece; iterables are only when they are iterators too. */
export function isStream(
  value: object,
): value is AsyncIterable<StreamChunk> | ReadableStream<StreamChunk> | IterableIterator<StreamChunk> {
  if (Symbol.asyncIterator in value) return true
  if ('getReader' in value && typeof value.getReader === 'function') return true
  return Symbol.iterator in value && 'next' in value && typeof value.next === 'function'
}

/** @internal Whether `HttpResponse.stream()` accepts it. */
export function isStreamSource(value: unknown): value is StreamSource {
  if (typeof value === 'function') return true
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false
  return isStream(value) || Symbol.iterator in value
}

/**
 * Until a Node stream is read, its `error` event would have no listener and end the process. The error is not lost:
 * reading from a stream that failed rejects.
 *
 * @internal
 */
export function guardSource(source: object): void {
  if (isReadable(source)) source.on('error', ignore)
}

/**
 * Sends a source to a sink, waiting whenever the sink is full. A source that fails once the head has left resets the
 * connection and is logged. Called in `context`, in which the source is given up as well.
 *
 * @internal
 */
export function pump(
  source: StreamSource | EventStream,
  sink: RefusingSink,
  req: HttpRequest,
  context: AsyncResource,
): void {
  new Pump(sink, req, context).start(source)
}

/** One object with methods, because a stream that waits should be small. */
class Pump {
  readonly #outlet: Outlet
  readonly #req: HttpRequest
  // What the source does when it is given up belongs to its request, not to whoever tells that the client left.
  readonly #context: AsyncResource
  #cursor: Cursor | null = null

  constructor(sink: RefusingSink, req: HttpRequest, context: AsyncResource) {
    this.#outlet = new Outlet(sink, this)
    this.#req = req
    this.#context = context
  }

  start(source: StreamSource | EventStream): void {
    this.#outlet.open()
    if (this.#outlet.isClosed) discardSource(source)
    else if (typeof source === 'function') this.#write(source)
    else this.#read(source)
  }

  /** Nobody receives any more. */
  closed(): void {
    if (this.#cursor !== null) this.#context.runInAsyncScope(cancel, undefined, this.#cursor, this.#req)
  }

  async #write(source: (writer: StreamWriter) => unknown): Promise<void> {
    try {
      const writer = new OutletWriter(this.#outlet)
      const result = await source(writer)
      // stream(async function* () {…}): calling it made a generator.
      if (typeof result === 'object' && result !== null && isStream(result)) {
        this.#read(result)
        return
      }
      await writer.flushed()
      this.#outlet.end()
    } catch (error) {
      this.#fail(error)
    }
  }

  #read(source: Iterated): void {
    if (this.#outlet.isClosed) {
      discardSource(source)
      return
    }
    try {
      this.#cursor = openCursor(source)
      this.#next()
    } catch (error) {
      this.#fail(error)
    }
  }

  #next(): void {
    const cursor = this.#cursor as Cursor
    for (;;) {
      const pending = cursor.next()
      if ('then' in pending) {
        pending.then(this.#took, this.#failed)
        return
      }
      if (!this.#pass(pending)) return
    }
  }

  readonly #took = (result: IteratorResult<unknown, unknown>): void => {
    try {
      if (this.#pass(result)) this.#next()
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #failed = (error: unknown): void => this.#fail(error)

  /** Sends what was read. False when the next piece is not to be read now. */
  #pass({ done, value }: IteratorResult<unknown, unknown>): boolean {
    const cursor = this.#cursor as Cursor
    if (this.#outlet.isClosed || done === true) {
      this.#outlet.end()
      return false
    }
    let full: Promise<void> | undefined
    try {
      full = this.#outlet.write(cursor.encode === undefined ? value : cursor.encode(value))
    } catch (error) {
      cancel(cursor, this.#req)
      throw error
    }
    if (full === undefined) return !this.#outlet.isClosed
    full.then(() => this.#drained())
    return false
  }

  #drained(): void {
    if (this.#outlet.isClosed) return
    try {
      this.#next()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    const outlet = this.#outlet
    if (!outlet.refuse(error)) {
      if (isNews(error, outlet, this.#cursor)) {
        publishError(error, this.#req)
        logUnhandled(error, this.#req, 'could not finish its body')
      }
      outlet.fail()
    }
  }
}

/** @internal Gives up a source that will not be read, as for HEAD: what it holds is released. */
export function discardSource(source: StreamSource | EventStream): void {
  if (typeof source === 'function') return
  if (source instanceof EventStream) {
    discardSource(source.source as Iterated)
    return
  }
  guardSource(source)
  if (isReadable(source)) source.destroy()
  else if ('getReader' in source) source.cancel().catch(ignore)
  else if ('return' in source && typeof source.return === 'function') {
    // Only iterators have started; an iterable that was never asked for one holds nothing.
    const { return: end } = source
    new Promise((resolve) => resolve(end.call(source))).catch(ignore)
  }
}

type Iterated = Exclude<StreamSource | EventStream, (writer: StreamWriter) => unknown>

/** One way to read and to give up every kind of source. */
interface Cursor {
  next(): Promise<IteratorResult<unknown, unknown>> | IteratorResult<unknown, unknown>
  cancel(): unknown
  /** Makes pieces of what is read; without it they are pieces. */
  encode?: ((value: unknown) => string) | undefined
}

class IteratorCursor implements Cursor {
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>
  readonly #stream: Readable | null
  encode?: Cursor['encode']

  constructor(source: AsyncIterable<unknown> | Iterable<unknown>) {
    this.#iterator =
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    this.#stream = isReadable(source) ? source : null
  }

  next(): ReturnType<Cursor['next']> {
    return this.#iterator.next()
  }

  cancel(): unknown {
    // return() of a Node stream's iterator would wait for the chunk that is being read; destroy() does not.
    return this.#stream === null ? this.#iterator.return?.() : this.#stream.destroy()
  }
}

function openCursor(source: Iterated): Cursor {
  if (source instanceof EventStream) {
    const cursor = openCursor(source.source as Iterated)
    cursor.encode = encodeEvent
    return cursor
  }
  if (!('getReader' in source)) return new IteratorCursor(source)
  const reader = source.getReader()
  return { next: () => reader.read() as Promise<IteratorResult<unknown>>, cancel: () => reader.cancel() }
}

function cancel(cursor: Cursor, req: HttpRequest): void {
  const log = (error: unknown) => logUnhandled(error, req, 'could not clean up its body')
  try {
    Promise.resolve(cursor.cancel()).catch(log)
  } catch (error) {
    log(error)
  }
}

// Once nobody receives, what a cancelled source reports is the consequence of cancelling it.
function isNews(error: unknown, outlet: Outlet, cursor: Cursor | null): boolean {
  if (!outlet.isClosed) return true
  return cursor === null && !(error instanceof ArmatureError && error.code === 'ARMATURE_STREAM_CLOSED')
}

function isReadable(source: object): source is Readable {
  return source instanceof Readable || ('pipe' in source && 'destroy' in source && 'on' in source)
}

function ignore(): void {}
