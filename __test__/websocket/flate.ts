import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib'

const TAIL = Buffer.from([0, 0, 0xff, 0xff])

export interface FlateOptions {
  windowBits?: number
  /** Messages refer to earlier ones. */
  takeover?: boolean
}

/** One direction of permessage-deflate (RFC 7692), with the zlib of Node.js. */
class Flate {
  readonly #stream: DeflateRaw | InflateRaw
  readonly #takeover: boolean
  #pieces: Buffer[] = []
  #failed: (error: Error) => void = () => {}

  constructor(stream: DeflateRaw | InflateRaw, takeover: boolean) {
    this.#stream = stream
    this.#takeover = takeover
    stream.on('data', (piece: Buffer) => this.#pieces.push(piece))
    stream.on('error', (error) => this.#failed(error))
  }

  /** What comes of `bytes`. */
  async pass(bytes: Buffer): Promise<Buffer> {
    await new Promise<void>((resolve, reject) => {
      this.#failed = reject
      this.#stream.write(bytes)
      this.#stream.flush(constants.Z_SYNC_FLUSH, () => resolve())
    })
    const whole = Buffer.concat(this.#pieces)
    this.#pieces = []
    if (!this.#takeover) this.#stream.reset()
    return whole
  }
}

/** Compresses messages as a client does. */
export class Deflater {
  readonly #flate: Flate

  constructor({ windowBits = 15, takeover = true }: FlateOptions = {}) {
    this.#flate = new Flate(createDeflateRaw({ windowBits }), takeover)
  }

  async message(content: Buffer): Promise<Buffer> {
    if (content.length === 0) return Buffer.of(0)
    const bytes = await this.#flate.pass(content)
    if (!bytes.subarray(-4).equals(TAIL)) throw new Error('no empty block at the end')
    return bytes.subarray(0, -4)
  }
}

/** Decompresses messages; in pieces that are small enough for references beyond the window to be noticed, where that is small. */
export class Inflater {
  readonly #flate: Flate

  constructor({ windowBits = 15, takeover = true }: FlateOptions = {}) {
    const chunkSize = windowBits < 15 ? 64 : 16_384
    this.#flate = new Flate(createInflateRaw({ windowBits, chunkSize }), takeover)
  }

  message(compressed: Buffer): Promise<Buffer> {
    return this.#flate.pass(Buffer.concat([compressed, TAIL]))
  }
}
