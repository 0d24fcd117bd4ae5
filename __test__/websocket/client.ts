import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'

/** The `ws` package as a client that loses no message. */
export class Client implements AsyncDisposable {
  readonly socket: WebSocket
  readonly closed: Promise<[code: number, reason: string]>
  readonly #messages: (string | Buffer)[] = []
  #wake: () => void = () => {}
  #over = false

  constructor(url: string, protocols: string[] = [], options: ClientOptions = {}) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options })
    this.socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#messages.push(isBinary ? data : data.toString())
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#over = true
        this.#wake()
        resolve([code, reason.toString()])
      })
    })
    this.socket.on('error', () => {})
  }

  static async open(url: string, protocols?: string[], options?: ClientOptions): Promise<Client> {
    const client = new Client(url.replace(/^http/, 'ws'), protocols, options)
    await once(client.socket, 'open')
    return client
  }

  send(data: string | Buffer): void {
    this.socket.send(data)
  }

  /** The next message; `null` when the socket closes first. */
  async next(): Promise<string | Buffer | null> {
    for (;;) {
      const message = this.#messages.shift()
      if (message !== undefined) return message
      if (this.#over) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate()
  }
}
