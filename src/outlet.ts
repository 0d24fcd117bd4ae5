import { types } from 'node:util'
import type { ResponseSink, SinkListener } from './bridge/types.js'
import { ArmatureError, nameOf, typeError } from './errors.js'
import type { StreamChunk, StreamWriter } from './stream.js'

/** @internal A sink that can still answer with an error, until the head has left; false afterwards. */
export interface RefusingSink extends ResponseSink {
  refuse?(error: unknown): boolean
}

/** @internal The sink, with one place that knows whether it is full or gone. */
export class Outlet implements SinkListener {
  #sink: RefusingSink
  readonly #owner: { closed(): void }
  #closed = false
  #full: Promise<void> | undefined
  #release: () => void = ignore

  /** `owner` hears when nobody receives any more, once {@link Outlet.open} was called. */
  constructor(sink: RefusingSink, owner: { closed(): void }) {
    this.#sink = sink
    this.#owner = owner
  }

  open(): void {
    this.#sink.listen(this)
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** A promise when the sink is full now; it resolves when the sink has drained or closed. */
  write(chunk: unknown): Promise<void> | undefined {
    const bytes = checkChunk(chunk)
    if (bytes.length === 0 || this.#closed) return this.#full
    if (!this.#sink.write(bytes) && !this.#closed) {
      this.#full ??= new Promise((resolve) => {
        this.#release = resolve
      })
    }
    return this.#full
  }

  end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#sink.end()
  }

  fail(): void {
    if (this.#closed) return
    this.#closed = true
    this.#sink.fail()
  }

  /** Whether the error is the answer now. */
  refuse(error: unknown): boolean {
    if (this.#closed || this.#sink.refuse?.(error) !== true) return false
    this.#closed = true
    return true
  }

  replaced(sink: ResponseSink): void {
    this.#sink = sink
  }

  closed(): void {
    if (this.#closed) return
    this.#closed = true
    this.drained()
    this.#owner.closed()
  }

  drained(): void {
    this.#full = undefined
    this.#release()
  }
}

/** @internal */
export class OutletWriter implements StreamWriter {
  readonly #outlet: Outlet
  /** The last write that waits; later ones line up behind it, so that chunks never overtake each other. */
  #tail: Promise<void> | undefined
  #ending = false

  constructor(outlet: Outlet) {
    this.#outlet = outlet
  }

  get closed(): boolean {
    return this.#ending || this.#outlet.isClosed
  }

  write(chunk: StreamChunk): Promise<void> {
    try {
      if (this.#ending) throw new ArmatureError('ARMATURE_STREAM_CLOSED')
      const tail = this.#tail
      const done = tail === undefined ? this.#send(chunk) : tail.then(() => this.#send(chunk))
      if (done === undefined) return Promise.resolve()
      this.#tail = done
      const settle = () => {
        if (this.#tail === done) this.#tail = undefined
      }
      // Not awaiting a write is allowed; it must not become an unhandled rejection when the client leaves.
      done.then(settle, settle)
      return done
    } catch (error) {
      const failed = Promise.reject(error)
      failed.catch(ignore)
      return failed
    }
  }

  close(): void {
    this.#ending = true
    const end = () => this.#outlet.end()
    if (this.#tail === undefined) end()
    else this.#tail.then(end, end)
  }

  flushed(): Promise<void> | undefined {
    return this.#tail
  }

  #send(chunk: StreamChunk): Promise<void> | undefined {
    if (this.#outlet.isClosed) throw new ArmatureError('ARMATURE_STREAM_CLOSED')
    return this.#outlet.write(chunk)
  }
}

function checkChunk(chunk: unknown): StreamChunk {
  if (typeof chunk === 'string' || chunk instanceof Uint8Array) return chunk
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  if (types.isArrayBuffer(chunk)) return new Uint8Array(chunk)
  throw typeError('ARMATURE_RESPONSE_TYPE', {
    what: nameOf(chunk),
    where: 'a piece of a stream, which is a string or bytes',
  })
}

function ignore(): void {}
