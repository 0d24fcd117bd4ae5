import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

/** One frame as the server sent it. */
export interface Frame {
  fin: boolean
  opcode: number
  payload: Buffer
  /** RSV1, where compression was agreed on. */
  compressed?: boolean
}

export const Op = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const

/** What a frame of ours says, also what none may say. */
export interface FrameOptions {
  fin?: boolean
  rsv?: number
  masked?: boolean
  /** Instead of the shortest. */
  lengthBytes?: 1 | 2 | 8
}

/** A frame as a client sends it. */
export function frame(opcode: number, payload: string | Buffer = '', options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, masked = true } = options
  const content = Buffer.from(payload as string)
  const size = content.length
  const { lengthBytes = size < 126 ? 1 : size < 65_536 ? 2 : 8 } = options
  const head = Buffer.alloc(1 + (lengthBytes === 1 ? 1 : 1 + lengthBytes))
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  const bit = masked ? 0x80 : 0
  if (lengthBytes === 1) head[1] = bit | size
  else if (lengthBytes === 2) {
    head[1] = bit | 126
    head.writeUInt16BE(size, 2)
  } else {
    head[1] = bit | 127
    head.writeBigUInt64BE(BigInt(size), 2)
  }
  if (!masked) return Buffer.concat([head, content])
  const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d])
  for (let i = 0; i < size; i++) content[i] = (content[i] as number) ^ (mask[i % 4] as number)
  return Buffer.concat([head, mask, content])
}

/** The content of a Close frame. */
export function closing(code: number, reason: string | Buffer = ''): Buffer {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return Buffer.concat([head, Buffer.from(reason as string)])
}

export const HANDSHAKE =
  'host: test\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** A client that sends the bytes it is told to, and reads strictly what a server may send. */
export class RawSocket implements AsyncDisposable {
  readonly socket: Duplex
  head = ''
  #buffer = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => {}

  /** Over a connection, or a stream of one, that speaks WebSocket already. */
  constructor(socket: Duplex) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk])
      this.#wake()
    })
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.#ended = true
        this.#wake()
      })
    }
  }

  /** Connects and upgrades. */
  static async open(port: number, path: string, headers = HANDSHAKE): Promise<RawSocket> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect')
    const client = new RawSocket(socket)
    client.send(`GET ${path} HTTP/1.1\r\n${headers}\r\n`)
    const head = await client.#take((bytes) => {
      const end = bytes.indexOf('\r\n\r\n')
      return end < 0 ? 0 : end + 4
    })
    if (head === null) throw new Error('the connection ended instead of an answer')
    client.head = head.toString('latin1')
    return client
  }

  send(...parts: (string | Buffer)[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
  }

  /** Reads whatever comes from now on, and forgets it. */
  discard(): void {
    this.socket.removeAllListeners('data').resume()
  }

  /** Sends the octets of a frame a few at a time. */
  async chop(bytes: Buffer, size: number): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#ended; at += size) {
      this.socket.write(bytes.subarray(at, at + size))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** The next frame; `null` when the server has ended the connection. */
  async next(): Promise<Frame | null> {
    const head = await this.#peek(2)
    if (head === null) return null
    const first = head[0] as number
    const compressed = (first & 0x40) !== 0
    if ((first & 0x30) !== 0 || (compressed && !this.deflates)) throw new Error('a reserved bit')
    if (((head[1] as number) & 0x80) !== 0) throw new Error('a masked frame')
    let size = head[1] as number
    let at = 2
    if (size === 126) {
      size = ((await this.#peek(4)) ?? Buffer.alloc(4)).readUInt16BE(2)
      at = 4
      if (size < 126) throw new Error('a length that could be shorter')
    } else if (size === 127) {
      size = Number(((await this.#peek(10)) ?? Buffer.alloc(10)).readBigUInt64BE(2))
      at = 10
      if (size < 65_536) throw new Error('a length that could be shorter')
    }
    const whole = await this.#take((bytes) => (bytes.length >= at + size ? at + size : 0))
    if (whole === null) throw new Error('the connection ended inside a frame')
    const read = { fin: first >= 0x80, opcode: first & 0x0f, payload: whole.subarray(at) }
    return compressed ? { ...read, compressed } : read
  }

  /** Whether compression was agreed on. */
  get deflates(): boolean {
    return /\r\nsec-websocket-extensions: permessage-deflate/i.test(this.head)
  }

  /** Every frame until the server ends the connection. */
  async rest(): Promise<Frame[]> {
    const frames: Frame[] = []
    for (let next = await this.next(); next !== null; next = await this.next()) frames.push(next)
    return frames
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
  }

  async #peek(length: number): Promise<Buffer | null> {
    while (this.#buffer.length < length) {
      if (this.#ended) return null
      await this.#more()
    }
    return this.#buffer.subarray(0, length)
  }

  async #take(until: (bytes: Buffer) => number): Promise<Buffer | null> {
    for (;;) {
      const end = until(this.#buffer)
      if (end > 0) {
        const taken = this.#buffer.subarray(0, end)
        this.#buffer = this.#buffer.subarray(end)
        return taken
      }
      if (this.#ended) return null
      await this.#more()
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
