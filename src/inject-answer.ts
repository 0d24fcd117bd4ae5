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

/** Puts the answer to an injected request together as a web `Response`. */
export class InjectedAnswer {
  readonly response: Promise<Response>
  #resolve!: (response: Response) => void
  #reject!: (error: Error) => void
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  head(status: number, encoded: Buffer): void {
    const headers = new Headers()
    const parts = encoded.toString('latin1').split('\0')
    for (let i = 0; i + 1 < parts.length; i += 2) headers.append(parts[i] as string, parts[i + 1] as string)
    if (status === 204 || status === 205 || status === 304) {
      this.#resolve(new Response(null, { status, headers }))
      return
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller
      },
      cancel: () => {
        this.#controller = null
      },
    })
    this.#resolve(new Response(body, { status, headers }))
  }

  data(chunk: Buffer): void {
    this.#controller?.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
  }

  end(): void {
    this.#controller?.close()
    this.#controller = null
  }

  fail(): void {
    const error = new ArmatureError('ARMATURE_BODY_FAILED')
    this.#reject(error)
    this.#controller?.error(error)
    this.#controller = null
  }
}
