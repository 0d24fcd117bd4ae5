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
  /** Another thread has the socket. */
  left(): void
  /** What another thread needs to take it up: `null` when none can, nothing when only what was said before can be. */
  state(): Uint8Array | null
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
  /** Keeps `state` for another thread, which with `leaves` has the socket from now on. */
  keepSocket(link: Target, state: Uint8Array, leaves: boolean): void
  subscribeSocket(link: Target, topic: string): Subscribed
  unsubscribeSocket(link: Target, topic: string): void
  /** To all subscribers but `link`. */
  publish(link: Target | null, topic: string, data: string | Uint8Array): void
  /** How many sockets of the server subscribe to `topic`. */
  subscribers(topic: string): number
}

/** What became of a subscription; `crates/armature-node/src/bridge/lane.rs` has the same. */
export const Subscribed = { Yes: 0, NameInvalid: 1, TooManyTopics: 2, SocketOver: 3 } as const
export type Subscribed = (typeof Subscribed)[keyof typeof Subscribed]

/** Bounds of a socket: bytes, and a number of topics. */
export interface LinkLimits {
  readonly sendBuffer: number
  readonly backlog: number
  readonly receiveBuffer: number
  readonly topics: number
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
  #maxTopics = 0
  /** Bytes that the client has not taken, as far as is known. */
  #buffered = 0
  #full = false
  #handled = 0
  #pieces: Buffer[] = []
  /** Messages are taken: the socket is open, and nobody has closed it. */
  #open = false
  /** The application knows of it. */
  #opened = false
  /** Messages whose handlers are not done. */
  #pending = 0
  /** Another thread is to have it, when these are. */
  #leaving = false

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

  /** Whether another thread can take it up. */
  get canMove(): boolean {
    return (this.events.state()?.length ?? 0) > 0
  }

  /** Topics that it may subscribe to. */
  get maxTopics(): number {
    return this.#maxTopics
  }

  /** Rust has answered the request. */
  opened({ sendBuffer, backlog, receiveBuffer, topics }: LinkLimits, buffered = 0): void {
    this.#sendBuffer = sendBuffer
    this.#backlog = backlog
    this.#receiveBuffer = receiveBuffer
    this.#maxTopics = topics
    this.#buffered = buffered
    this.#full = buffered >= sendBuffer
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

  /** Another thread is to have the socket: it leaves once what came before is handled. */
  leave(): void {
    this.#leaving = true
    if (this.#pending === 0) this.#handOver()
  }

  /** Another thread has it. */
  left(): void {
    this.#open = false
    this.#pieces = []
    if (!this.#opened) return
    this.#opened = false
    this.events.left()
  }

  /** Has what another thread would need kept. */
  save(): void {
    const state = this.#open ? this.events.state() : null
    if (state !== null && state.length > 0) this.#owner.keepSocket(this, state, false)
  }

  #handOver(): void {
    if (!this.#open) return
    this.#open = false
    this.#owner.keepSocket(this, this.events.state() ?? NOTHING, true)
  }

  /** Only while it is open. */
  subscribe(topic: string): Subscribed {
    return this.#owner.subscribeSocket(this, topic)
  }

  unsubscribe(topic: string): void {
    this.#owner.unsubscribeSocket(this, topic)
  }

  /** To all other subscribers; also when it is closed. */
  publish(topic: string, data: string | Uint8Array): void {
    this.#owner.publish(this, topic, data)
  }

  subscribers(topic: string): number {
    return this.#owner.subscribers(topic)
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
    if (!this.#open) {
      this.#done(cost)
      return
    }
    this.#pending++
    const done = () => {
      this.#pending--
      this.#done(cost)
      if (this.#leaving && this.#pending === 0) this.#handOver()
    }
    this.events.message({ data, isBinary, done })
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

const NOTHING = new Uint8Array(0)

function bytesOf(data: string | Uint8Array): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length
}
