import type { HeaderList } from '../headers.js'
import { writeUtf8 } from './buffers.js'

/** Commands by kind; `crates/armature-bridge/src/command.rs` defines the layout of each. */
const Command = {
  Respond: 1,
  Data: 2,
  End: 3,
  Fail: 4,
  Grant: 5,
  Cancel: 6,
  Send: 7,
  Close: 8,
  Cut: 9,
  Publish: 10,
  Keep: 11,
} as const

export const FLAG_STREAM = 1
export const FLAG_NATIVE = 2
export const FLAG_EVENTS = 4
export const FLAG_SOCKET = 8
export const FLAG_FILE = 16
const FLAG_BINARY = 1
const FLAG_FROM = 2
const FLAG_LEAVE = 1

/** Also what is gathered at most: what is larger comes alone and at once, and whoever takes it late keeps no other memory. */
const INITIAL = 256 * 1024
/** A buffer that has grown to more is let go of with its batch. */
const KEEP = 16 * 1024 * 1024
/** So many batches that need no more than the first size have one of that size again. */
const SMALL_BATCHES = 64
const RESPOND_HEAD = 28

/** A request as far as commands name it. */
export interface Target {
  readonly slot: number
  readonly generation: number
}

const NOBODY: Target = { slot: 0, generation: 0 }

/**
 * Commands of one batch, in one buffer that grows for a large body, and shrinks again when no more come: a buffer for each of
 * many would be garbage faster than it is collected. When a command does not fit, `flush`
 * sends what is there first.
 */
export class CommandBuffer {
  bytes = Buffer.allocUnsafeSlow(INITIAL)
  length = 0
  #words = new Uint32Array(this.bytes.buffer)
  /** Batches since the buffer was needed as large as it is. */
  #small = 0
  readonly #flush: () => void

  constructor(flush: () => void) {
    this.#flush = flush
  }

  /** After a batch was sent. */
  reset(): void {
    // Asking whether a loop has caught up is no batch.
    if (this.length === 0) return
    if (this.bytes.length > INITIAL) {
      this.#small = this.length > INITIAL ? 0 : this.#small + 1
      if (this.bytes.length > KEEP || this.#small === SMALL_BATCHES) this.#allocate(INITIAL)
    }
    this.length = 0
  }

  respondText(
    target: Target,
    status: number,
    flags: number,
    set: number,
    headers: HeaderList | null,
    body: string,
  ): void {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    const start = this.#reserve(RESPOND_HEAD + headerBytes(headers) + body.length * 3 + 8)
    const bodyAt = this.#head(start, target, status, flags, set, headers)
    const length = body.length === 0 ? 0 : writeUtf8(this.bytes, body, bodyAt)
    this.#finish(start, bodyAt, length)
  }

  respondBytes(
    target: Target,
    status: number,
    flags: number,
    set: number,
    headers: HeaderList | null,
    body: Uint8Array,
  ): void {
    const start = this.#reserve(RESPOND_HEAD + headerBytes(headers) + body.length + 8)
    const bodyAt = this.#head(start, target, status, flags, set, headers)
    this.bytes.set(body, bodyAt)
    this.#finish(start, bodyAt, body.length)
  }

  /** With a body of few bytes, the first `length` of `source`: a native call would cost as much as writing fifty. */
  respondSmall(
    target: Target,
    status: number,
    set: number,
    headers: HeaderList | null,
    source: Uint32Array,
    length: number,
  ): void {
    const start = this.#reserve(RESPOND_HEAD + headerBytes(headers) + length + 8)
    const bodyAt = this.#head(start, target, status, 0, set, headers)
    const words = this.#words
    const to = bodyAt / 4
    for (let i = 0; i * 4 < length; i++) words[to + i] = source[i] as number
    this.#finish(start, bodyAt, length)
  }

  /** Returns the bytes that the chunk has on the wire. */
  data(target: Target, chunk: string | Uint8Array): number {
    return this.#chunk(Command.Data, target, chunk)
  }

  /** A message of a WebSocket; returns its bytes. */
  send(target: Target, message: string | Uint8Array): number {
    const flags = typeof message === 'string' ? 0 : FLAG_BINARY << 8
    return this.#chunk(Command.Send | flags, target, message)
  }

  close(target: Target, code: number, reason: string): void {
    const start = this.#reserve(24 + reason.length * 3)
    const length = reason === '' ? 0 : writeUtf8(this.bytes, reason, start + 24)
    this.#words[start / 4 + 4] = code
    this.#words[start / 4 + 5] = length
    this.#frame(start, start + 24 + length, Command.Close, target)
  }

  cut(target: Target): void {
    this.#plain(Command.Cut, target)
  }

  /** What another thread needs to take a WebSocket up; with `leaves` it is to do so now. */
  keep(target: Target, state: Uint8Array, leaves: boolean): void {
    this.#chunk(Command.Keep | (leaves ? FLAG_LEAVE << 8 : 0), target, state)
  }

  /** A message for all who subscribe to `topic`, but not for `from`. */
  publish(from: Target | null, topic: string, message: string | Uint8Array): void {
    const room = typeof message === 'string' ? message.length * 3 : message.length
    const start = this.#reserve(28 + topic.length * 3 + room)
    const topicBytes = writeUtf8(this.bytes, topic, start + 24)
    const contentAt = start + 24 + topicBytes
    let length: number
    if (typeof message === 'string') length = message === '' ? 0 : writeUtf8(this.bytes, message, contentAt)
    else {
      this.bytes.set(message, contentAt)
      length = message.length
    }
    this.#words[start / 4 + 4] = topicBytes
    this.#words[start / 4 + 5] = length
    const flags = (typeof message === 'string' ? 0 : FLAG_BINARY) | (from === null ? 0 : FLAG_FROM)
    this.#frame(start, contentAt + length, Command.Publish | (flags << 8), from ?? NOBODY)
  }

  #chunk(kind: number, target: Target, chunk: string | Uint8Array): number {
    const room = typeof chunk === 'string' ? chunk.length * 3 : chunk.length
    const start = this.#reserve(24 + room)
    let length: number
    if (typeof chunk === 'string') length = writeUtf8(this.bytes, chunk, start + 20)
    else {
      this.bytes.set(chunk, start + 20)
      length = chunk.length
    }
    this.#words[start / 4 + 4] = length
    this.#frame(start, start + 20 + length, kind, target)
    return length
  }

  end(target: Target): void {
    this.#plain(Command.End, target)
  }

  fail(target: Target): void {
    this.#plain(Command.Fail, target)
  }

  grant(target: Target, bytes: number): void {
    const start = this.#reserve(20)
    this.#words[start / 4 + 4] = Math.min(bytes, 0xffff_ffff)
    this.#frame(start, start + 20, Command.Grant, target)
  }

  cancel(target: Target): void {
    this.#plain(Command.Cancel, target)
  }

  #plain(kind: number, target: Target): void {
    const start = this.#reserve(16)
    this.#frame(start, start + 16, kind, target)
  }

  #head(
    start: number,
    target: Target,
    status: number,
    flags: number,
    set: number,
    headers: HeaderList | null,
  ): number {
    const words = this.#words
    const at = start / 4
    words[at + 1] = Command.Respond | (flags << 8) | (status << 16)
    words[at + 2] = target.slot
    words[at + 3] = target.generation
    words[at + 4] = set
    if (headers === null) {
      words[at + 5] = 0
      return start + RESPOND_HEAD
    }
    const bytes = this.bytes
    let end = start + RESPOND_HEAD
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string
      const value = headers[i + 1] as string
      bytes.writeUInt16LE(name.length, end)
      bytes.writeUInt32LE(value.length, end + 2)
      bytes.write(name, end + 6, 'latin1')
      end += 6 + name.length
      bytes.write(value, end, 'latin1')
      end += value.length
    }
    words[at + 5] = end - start - RESPOND_HEAD
    return (end + 3) & ~3
  }

  #finish(start: number, bodyAt: number, length: number): void {
    const at = start / 4
    const end = (bodyAt + length + 3) & ~3
    this.#words[at] = end - start
    this.#words[at + 6] = length
    this.length = end
    // Whether there is room for another one is known when this one is on its way.
    if (end > INITIAL) this.#flush()
  }

  #frame(start: number, end: number, kind: number, target: Target): void {
    const words = this.#words
    const at = start / 4
    const aligned = (end + 3) & ~3
    words[at] = aligned - start
    words[at + 1] = kind
    words[at + 2] = target.slot
    words[at + 3] = target.generation
    this.length = aligned
  }

  /** Room for a command of at most `bytes`; returns where it starts. */
  #reserve(bytes: number): number {
    if (this.length > 0 && this.length + bytes > INITIAL) this.#flush()
    if (bytes > this.bytes.length) this.#allocate((bytes + 0xffff) & ~0xffff)
    return this.length
  }

  #allocate(size: number): void {
    this.#small = 0
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.#words = new Uint32Array(this.bytes.buffer)
  }
}

function headerBytes(headers: HeaderList | null): number {
  if (headers === null) return 0
  let bytes = 0
  for (let i = 0; i < headers.length; i++) bytes += (headers[i] as string).length + 3
  return bytes
}
