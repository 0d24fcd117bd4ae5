import { readLatin1 } from './buffers.js'
import { RecordKind } from './record.js'
import type { LinkLimits, SocketLink } from './socket-link.js'

// Flags of a message; `crates/armature-bridge/src/record.rs` has the same.
const BINARY = 1
const MORE = 2
const ASCII = 4
const CREDIT = 4

/** A WebSocket that another thread had: what its record says. */
export interface Reopening extends LinkLimits {
  /** Bytes that the client may not have taken. */
  readonly buffered: number
  /** No handler has heard of it. */
  readonly isFresh: boolean
  /** What it subscribes to. */
  readonly names: readonly string[]
  readonly state: Buffer
}

/** The words of a `SocketReopen` record from `at`, its bytes from `start`. */
export function readReopening(words: Uint32Array, at: number, bytes: Buffer, start: number): Reopening {
  const word = (index: number) => words[at + index] as number
  const from = start + 52
  const end = start + 24 + word(5)
  const stateAt = from + word(12)
  return {
    sendBuffer: word(6),
    backlog: word(7),
    receiveBuffer: word(8),
    topics: word(9),
    buffered: word(10),
    isFresh: word(11) !== 0,
    names: JSON.parse(bytes.toString('utf8', from, stateAt)) as string[],
    state: Buffer.from(bytes.subarray(stateAt, end)),
  }
}

/** The WebSockets of a lane, by the slots that Rust gave them, and the records about them. */
export class Sockets {
  readonly #loops: (SocketLink | undefined)[][] = []

  add(link: SocketLink): void {
    const loop = link.slot >>> 24
    while (this.#loops.length <= loop) this.#loops.push([])
    ;(this.#loops[loop] as (SocketLink | undefined)[])[link.slot & 0xff_ffff] = link
  }

  find(slot: number, generation: number): SocketLink | undefined {
    const link = this.#loops[slot >>> 24]?.[slot & 0xff_ffff]
    return link?.generation === generation ? link : undefined
  }

  delete(link: SocketLink): void {
    const slots = this.#loops[link.slot >>> 24]
    if (slots?.[link.slot & 0xff_ffff] === link) slots[link.slot & 0xff_ffff] = undefined
  }

  values(): SocketLink[] {
    return this.#loops.flat().filter((link) => link !== undefined)
  }

  /** A record about `link`: its words from `at`, its bytes from `start`. */
  record(link: SocketLink, words: Uint32Array, at: number, bytes: Buffer, start: number): void {
    const value = words[at + 4] as number
    switch (words[at + 1]) {
      case RecordKind.SocketMessage:
        message(link, value, bytes, start + 24, words[at + 5] as number)
        break
      case RecordKind.Credit:
        link.credit(value)
        break
      case RecordKind.SocketOpen:
        link.opened({
          sendBuffer: value,
          backlog: words[at + 6] as number,
          receiveBuffer: words[at + 7] as number,
          topics: words[at + 8] as number,
        })
        break
      case RecordKind.SocketClosing:
        // What came before it has been handled.
        link.close(value, reason(bytes, start, words[at + 5] as number))
        break
      case RecordKind.SocketLeave:
        link.leave()
        break
      case RecordKind.SocketLeft:
        this.delete(link)
        link.left()
        break
      case RecordKind.SocketClosed:
        this.delete(link)
        link.closed(value, reason(bytes, start, words[at + 5] as number))
        break
      case RecordKind.Abort:
        this.delete(link)
        link.closed(1006, '')
        break
    }
  }
}

function reason(bytes: Buffer, start: number, length: number): string {
  return bytes.toString('utf8', start + 24, start + 24 + length)
}

function message(link: SocketLink, value: number, bytes: Buffer, from: number, length: number): void {
  const end = from + length
  const credit = value >>> CREDIT
  if (credit > 0) link.credit(credit)
  if ((value & MORE) !== 0) link.piece(Buffer.from(bytes.subarray(from, end)))
  else if (link.isPartial) {
    const whole = link.whole(bytes.subarray(from, end))
    const isBinary = (value & BINARY) !== 0
    link.message(isBinary ? whole : whole.toString(), isBinary, whole.length)
  } else if ((value & BINARY) !== 0) {
    link.message(Buffer.from(bytes.subarray(from, end)), true, length)
  } else {
    const text = (value & ASCII) !== 0 ? readLatin1(bytes, from, end) : bytes.toString('utf8', from, end)
    link.message(text, false, length)
  }
}
