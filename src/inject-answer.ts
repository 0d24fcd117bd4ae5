import { ArmatureError } from './errors.js'

/** An injected request as it crosses to Rust. */
export interface InjectedRequest {
  method: string
  /** Path and query, escaped. */
  target: string
  headers: [string, string][]
  ip: string
  hasBody: boolean
  secure: boolean
}

/** Where an answer comes from. */
export interface AnswerOwner {
  /** Bytes of a body that may be on their way. */
  readonly window: number
  /** Somebody waits for answer `id`, or nobody does any more. */
  awaits(waits: boolean): void
  /** `bytes` were read. */
  grant(id: number, bytes: number): void
  /** Nobody wants the rest. {@link InjectedAnswer.end} is called all the same, when the handler has been told. */
  cancel(id: number): void
}

/**
 * Puts the answer to an injected request together as a web `Response`. Rust sends no more than a window ahead of the
 * reader, so a body that nobody reads stops its handler instead of filling the memory.
 */
export class InjectedAnswer {
  readonly response: Promise<Response>
  readonly #owner: AnswerOwner
  readonly #id: number
  readonly #headOnly: boolean
  readonly #signal: AbortSignal | undefined
  #resolve!: (response: Response) => void
  #reject!: (error: unknown) => void
  /** Of the body, while somebody may read it and Rust or `#chunks` has something left. */
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null
  #chunks: Buffer[] = []
  /** Bytes read since Rust was last told. */
  #read = 0
  #awaited = false
  #ended = false

  constructor(owner: AnswerOwner, id: number, headOnly: boolean, signal: AbortSignal | undefined) {
    this.#owner = owner
    this.#id = id
    this.#headOnly = headOnly
    this.#signal = signal
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#wait(true)
  }

  head(status: number, encoded: Buffer): void {
    const headers = new Headers()
    const parts = encoded.toString('latin1').split('\0')
    for (let i = 0; i + 1 < parts.length; i += 2) headers.append(parts[i] as string, parts[i + 1] as string)
    this.#wait(false)
    if (this.#headOnly || status === 204 || status === 205 || status === 304) {
      this.#resolve(new Response(null, { status, headers }))
      return
    }
    // Without a buffer of its own it pulls for readers only: that is when somebody waits.
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => this.#abandon(),
      },
      { highWaterMark: 0 },
    )
    this.#resolve(new Response(body, { status, headers }))
  }

  data(chunk: Buffer): void {
    if (this.#controller === null) return
    if (this.#awaited) {
      this.#wait(false)
      this.#deliver(this.#controller, chunk)
    } else this.#chunks.push(chunk)
  }

  /** Rust has said everything. */
  end(): void {
    this.#over()
    if (this.#chunks.length === 0) this.#close()
  }

  fail(error: Error = new ArmatureError('ARMATURE_BODY_FAILED')): void {
    this.#over()
    this.#drop(error)
  }

  readonly #onAbort = (): void => {
    this.#drop(this.#signal?.reason)
    this.#abandon()
  }

  #pull(): void {
    const chunk = this.#chunks.shift()
    if (chunk === undefined || this.#controller === null) this.#wait(true)
    else this.#deliver(this.#controller, chunk)
  }

  #deliver(controller: ReadableStreamDefaultController<Uint8Array>, chunk: Buffer): void {
    controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    if (this.#ended) {
      if (this.#chunks.length === 0) this.#close()
      return
    }
    this.#read += chunk.length
    if (this.#read < this.#owner.window / 2) return
    this.#owner.grant(this.#id, this.#read)
    this.#read = 0
  }

  #close(): void {
    this.#controller?.close()
    this.#controller = null
    this.#wait(false)
  }

  /** Whoever waits gets `error`. */
  #drop(error: unknown): void {
    this.#reject(error)
    this.#controller?.error(error)
    this.#controller = null
    this.#chunks = []
  }

  #abandon(): void {
    this.#controller = null
    this.#chunks = []
    if (this.#ended) return
    // Waited for until the handler has been told, so that the process does not end before.
    this.#wait(true)
    this.#owner.cancel(this.#id)
  }

  #over(): void {
    this.#ended = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#wait(false)
  }

  #wait(waits: boolean): void {
    if (this.#awaited === waits) return
    this.#awaited = waits
    this.#owner.awaits(waits)
  }
}
