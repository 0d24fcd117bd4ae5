import { AsyncResource } from 'node:async_hooks'
import { Readable } from 'node:stream'
import { publishError } from './diagnostics.js'
import { ArmatureError } from './errors.js'
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
 * connection and is logged. Resolves, never rejects, when the sink is done with.
 *
 * @internal
 */
export function pump(source: StreamSource, sink: RefusingSink, req: HttpRequest): Promise<void> {
  return new Promise((resolve) => {
    let cursor: Cursor | null = null
    // Bound: what the source does when it is given up belongs to its request, not to whoever tells that the client left.
    const close = AsyncResource.bind(() => {
      if (cursor !== null) cancel(cursor, req)
      resolve()
    })
    const outlet = new Outlet(sink, close)
    if (outlet.closed) return discardSource(source)
    const fail = (error: unknown) => {
      if (!outlet.refuse(error)) {
        if (isNews(error, outlet, cursor)) {
          publishError(error, req)
          logUnhandled(error, req, 'could not finish its body')
        }
        outlet.fail()
      }
      resolve()
    }
    const open = async (source: Iterated) => {
      if (outlet.closed) return discardSource(source)
      cursor = openCursor(source)
      return copy(cursor, outlet, req)
    }
    run(source, outlet, open).then(() => {
      outlet.end()
      resolve()
    }, fail)
  })
}

/** @internal Gives up a source that will not be read, as for HEAD: what it holds is released. */
export function discardSource(source: StreamSource): void {
  if (typeof source === 'function') return
  guardSource(source)
  if (isReadable(source)) source.destroy()
  else if ('getReader' in source) source.cancel().catch(ignore)
  else if ('return' in source && typeof source.return === 'function') {
    // Only iterators have started; an iterable that was never asked for one holds nothing.
    const { return: end } = source
    new Promise((resolve) => resolve(end.call(source))).catch(ignore)
  }
}

type Iterated = Exclude<StreamSource, (writer: StreamWriter) => unknown>

async function run(
  source: StreamSource,
  outlet: Outlet,
  open: (source: Iterated) => Promise<void>,
): Promise<void> {
  if (typeof source !== 'function') return open(source)
  const writer = new OutletWriter(outlet)
  const result = await source(writer)
  // stream(async function* () {…}): calling it made a generator.
  if (typeof result === 'object' && result !== null && isStream(result)) return open(result)
  await writer.flushed()
}

async function copy(cursor: Cursor, outlet: Outlet, req: HttpRequest): Promise<void> {
  for (;;) {
    const pending = cursor.next()
    const { done, value } = 'then' in pending ? await pending : pending
    if (outlet.closed || done === true) return
    try {
      const full = outlet.write(value)
      if (full !== undefined) await full
    } catch (error) {
      cancel(cursor, req)
      throw error
    }
    if (outlet.closed) return
  }
}

/** One way to read and to give up every kind of source. */
interface Cursor {
  next(): Promise<IteratorResult<unknown, unknown>> | IteratorResult<unknown, unknown>
  cancel(): unknown
}

function openCursor(source: Iterated): Cursor {
  if ('getReader' in source) {
    const reader = source.getReader()
    return { next: () => reader.read() as Promise<IteratorResult<unknown>>, cancel: () => reader.cancel() }
  }
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  // return() of a Node stream's iterator would wait for the chunk that is being read; destroy() does not.
  const stop = isReadable(source) ? () => source.destroy() : () => iterator.return?.()
  return { next: () => iterator.next(), cancel: stop }
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
  if (!outlet.closed) return true
  return cursor === null && !(error instanceof ArmatureError && error.code === 'ARMATURE_STREAM_CLOSED')
}

function isReadable(source: object): source is Readable {
  return source instanceof Readable || ('pipe' in source && 'destroy' in source && 'on' in source)
}

function ignore(): void {}
