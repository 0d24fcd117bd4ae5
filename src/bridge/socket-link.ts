import type { Target } from './commands.js'

/** What a message costs besides its bytes; `crates/armature-node/src/bridge/socket.rs` counts the same. */
const MESSAGE = 64

/** Who is told of a socket. Nothing of it throws. */
export interface SocketEvents {
  open(link: SocketLink): void
  /** Calls back once the message is handled. */
  message(message: Message): void
  drain(): void
  closed(farewell: { code: number; reason: string }): void
}

/** A message as it came. */
export interface Message {
  readonly data: string | Buffer
  readonly isBinary: boolean
  /** It is handled: others may come. */
  readonly done: () => void
}

/** What a link needs of its lane. */
export interface LinkOwner {
  sendMessage(link: Target, data: string | Uint8Array): number
  closeSocket(link: Target, code: number, reason: string): void
  cutSocket(link: Target): void
  grantSocket(link: Target, bytes: number): void
}

/** What became of a message. */
export type Sent = 'sent' | 'full' | 'refused'

/** The bridge's end of a WebSocket: counts what may be sent, and what was handled. */
export class SocketLink implements Target {
  readonly slot: number
  readonly generation: number
  readonly events: SocketEvents
  readonly #owner: LinkOwner
  #sendBuffer = 0
  #backlog = 0
  #receiveBuffer = 0
  /** Bytes that the client has not taken, as far as is known. */
  #buffered = 0
  #full = false
  #handled = 0
  #pieces: Buffer[] = []
  /** Messages are taken: the socket is open, and nobody has closed it. */
  #open = false
  /** The application knows of it. */
  #opened = false

  constructor(owner: LinkOwner, target: Target, events: SocketEvents) {
    this.#owner = owner
    this.slot = target.slot
    this.generation = target.generation
    this.events = events
  }

  get bufferedAmount(): number {
    return this.#buffered
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Rust has answered the request. */
  opened(sendBuffer: number, backlog: number, receiveBuffer: number): void {
    this.#sendBuffer = sendBuffer
    this.#backlog = backlog
    this.#receiveBuffer = receiveBuffer
    this.#open = true
    this.#opened = true
    this.events.open(this)
  }

  /** Only while it is open. */
  send(data: string | Uint8Array): Sent {
    // A UTF-16 unit takes at most three bytes of UTF-8; counted only where it matters.
    const most = typeof data === 'string' ? data.length * 3 : data.length
    if (this.#buffered + most > this.#backlog && this.#buffered + bytesOf(data) > this.#backlog)
      return 'refused'
    this.#buffered += this.#owner.sendMessage(this, data)
    this.#full = this.#buffered >= this.#sendBuffer
    return this.#full ? 'full' : 'sent'
  }

  close(code: number, reason: string): void {
    if (!this.#open) return
    this.#open = false
    this.#owner.closeSocket(this, code, reason)
  }

  cut(): void {
    this.#open = false
    this.#owner.cutSocket(this)
  }

  /** The client has taken `bytes`. */
  credit(bytes: number): void {
    this.#buffered -= bytes
    if (this.#full && this.#buffered < this.#sendBuffer) {
      this.#full = false
      if (this.#open) this.events.drain()
    }
  }

  /** A part of a message; the rest follows. */
  piece(bytes: Buffer): void {
    this.#pieces.push(bytes)
  }

  /** Whether pieces of the message have come before. */
  get isPartial(): boolean {
    return this.#pieces.length > 0
  }

  /** The whole message whose last piece is `bytes`. */
  whole(bytes: Buffer): Buffer {
    const whole = Buffer.concat([...this.#pieces, bytes])
    this.#pieces = []
    return whole
  }

  /** A message of `bytes` has come. */
  message(data: string | Buffer, isBinary: boolean, bytes: number): void {
    const cost = bytes + MESSAGE
    if (!this.#open) this.#done(cost)
    else this.events.message({ data, isBinary, done: () => this.#done(cost) })
  }

  /** It is over. */
  closed(code: number, reason: string): void {
    this.#open = false
    this.#pieces = []
    if (!this.#opened) return
    this.#opened = false
    this.events.closed({ code, reason })
  }

  #done(cost: number): void {
    this.#handled += cost
    // Allowed in halves of what may wait, so that many messages cost few commands.
    if (this.#handled < this.#receiveBuffer / 2 || !this.#opened) return
    this.#owner.grantSocket(this, this.#handled)
    this.#handled = 0
  }
}

function bytesOf(data: string | Uint8Array): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length
}
