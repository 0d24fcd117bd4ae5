import type { BodyControl, BodySink, RequestSource } from './bridge/types.js'
import { ArmatureError, isErrorCode } from './errors.js'
import { type HttpError, requestError } from './http-error.js'

/**
 * A promise whose failure may stay unheard. Whether a body arrives is up to the client: a handler that began to read it
 * and then answered without waiting must not end the process with an unhandled rejection.
 *
 * @internal
 */
export function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/**
 * The body of one request: read into memory once, or passed on piece by piece, never both.
 *
 * @internal
 */
export class RequestBody {
  readonly #source: RequestSource
  /** All of it: text when it is ASCII and came with the head, bytes otherwise. */
  #whole: Buffer | string | undefined
  #reading: Promise<Buffer> | undefined
  #streamed = false

  constructor(source: RequestSource) {
    this.#source = source
  }

  /** Passes the whole body to `decode`, at once when it has arrived: most bodies come with the head. A string is ASCII. */
  read<T>(decode: (whole: Buffer | string) => T): Promise<T> {
    try {
      const whole = this.#whole ?? this.#take()
      if (whole !== undefined) return Promise.resolve(decode(whole))
      this.#reading ??= readAll(this.#source).then((bytes) => {
        this.#whole = bytes
        return bytes
      })
      return unheard(this.#reading.then(decode))
    } catch (error) {
      return unheard(Promise.reject(error))
    }
  }

  /** The whole body, the same Buffer each time. */
  bytes(): Promise<Buffer> {
    return this.read((whole) => this.#asBytes(whole))
  }

  /** The body piece by piece; of one that was buffered before, the buffer. Only once. */
  iterate(): AsyncIterableIterator<Buffer> {
    let opening: Promise<Chunks> | undefined
    let finished = false
    const end = { done: true, value: undefined } as const
    return {
      next: async () => {
        if (finished) return end
        opening ??= this.#open()
        const chunk = await (await opening).next()
        if (chunk !== undefined) return { done: false, value: chunk }
        finished = true
        return end
      },
      return: async () => {
        if (finished) return end
        finished = true
        if (opening === undefined) this.#streamed ||= this.#whole === undefined
        else (await opening).cancel()
        return end
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** The same as a byte stream. Making it reads nothing: the buffered readers work until somebody reads from it. */
  stream(): ReadableStream<Uint8Array> {
    const chunks = this.iterate()
    // A byte stream takes the ArrayBuffer away from its owner: small Buffers share one, and the buffered readers keep theirs.
    const own = (chunk: Buffer) =>
      chunk !== this.#whole && chunk.byteLength === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk)
    return new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (!done) return controller.enqueue(own(value))
        controller.close()
        controller.byobRequest?.respond(0)
      },
      async cancel() {
        await chunks.return?.()
      },
    })
  }

  /** What is in memory already. */
  #take(): Buffer | string | undefined {
    if (this.#streamed) throw new ArmatureError('ARMATURE_BODY_USED')
    if (this.#reading === undefined) this.#whole = arrived(this.#source)
    return this.#whole
  }

  #asBytes(whole: Buffer | string): Buffer {
    const bytes = toBytes(whole)
    this.#whole = bytes
    return bytes
  }

  async #open(): Promise<Chunks> {
    if (this.#streamed) throw new ArmatureError('ARMATURE_BODY_USED')
    const chunks = new Chunks(this.#source)
    let whole = this.#whole ?? (await this.#reading)
    if (whole !== undefined) whole = this.#asBytes(whole)
    else {
      // Also when all of it has arrived: what the buffered readers do next must not depend on the size of the body.
      this.#streamed = this.#source.hasBody
      whole = arrived(this.#source)
    }
    if (whole === undefined) chunks.open()
    else chunks.deliver(toBytes(whole))
    return chunks
  }
}

/** The whole body when it came with the head. */
function arrived(source: RequestSource): Buffer | string | undefined {
  const length = source.contentLength
  if (length !== undefined && length > source.bodyLimit) throw tooLarge(source)
  if (!source.hasBody) return Buffer.alloc(0)
  const whole = source.takeBody()
  if (whole !== undefined) checkSize(whole.length, source)
  return whole
}

const toBytes = (whole: Buffer | string): Buffer =>
  typeof whole === 'string' ? Buffer.from(whole, 'latin1') : whole

function readAll(source: RequestSource): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let failed = false
    const control = source.openBody({
      chunk(chunk) {
        if (failed) return
        size += chunk.length
        try {
          checkSize(size, source)
          chunks.push(chunk)
          // Credit follows what arrived, so that some is left at all times and the end can be seen.
          control.grant(chunk.length)
        } catch (error) {
          failed = true
          control.cancel()
          reject(error)
        }
      },
      end() {
        resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size))
      },
      error(code) {
        failed = true
        reject(bodyError(code, source))
      },
    })
    control.grant(source.bodyWindow)
  })
}

/** A queue between the bridge and one reader; it holds no more than the credit it granted. */
class Chunks implements BodySink {
  readonly #source: RequestSource
  readonly #queue: Buffer[] = []
  #control: BodyControl | undefined
  #size = 0
  #ended = false
  #error: unknown
  #waiting: (() => void)[] = []

  constructor(source: RequestSource) {
    this.#source = source
  }

  open(): void {
    this.#control = this.#source.openBody(this)
    this.#control.grant(this.#source.bodyWindow)
  }

  /** The only chunk of a body that is in memory. */
  deliver(bytes: Buffer): void {
    if (bytes.length > 0) this.#queue.push(bytes)
    this.#ended = true
  }

  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#queue.shift()
      if (chunk !== undefined) {
        if (!this.#ended) this.#control?.grant(chunk.length)
        return chunk
      }
      if (this.#error !== undefined) throw this.#error
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
      })
    }
  }

  cancel(): void {
    this.#queue.length = 0
    if (!this.#ended) this.#control?.cancel()
    this.end()
  }

  chunk(chunk: Buffer): void {
    if (this.#ended || chunk.length === 0) return
    this.#size += chunk.length
    try {
      checkSize(this.#size, this.#source)
      this.#queue.push(chunk)
    } catch (error) {
      this.#control?.cancel()
      this.#fail(error)
    }
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  error(code: string): void {
    if (!this.#ended) this.#fail(bodyError(code, this.#source))
  }

  #fail(error: unknown): void {
    this.#error = error
    this.end()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

// The server counts too; here it costs nothing, and a reader in JavaScript never depends on it.
function checkSize(size: number, source: RequestSource): void {
  if (size > source.bodyLimit) throw tooLarge(source)
}

function tooLarge(source: RequestSource): HttpError {
  return requestError('ARMATURE_BODY_TOO_LARGE', { limit: source.bodyLimit })
}

function bodyError(code: string, source: RequestSource): HttpError {
  return requestError(isErrorCode(code) ? code : 'ARMATURE_BODY_FAILED', { limit: source.bodyLimit })
}
