import { writeUtf8 } from './buffers.js'

const ROOM = 4096
/** A buffer that has grown to more is let go of. */
const KEEP = 64 * 1024
/** More bytes are as quickly or more quickly made by `JSON.stringify`, by the version of Node.js. */
export const SMALL_JSON = 64
/** Longer texts are quicker in one piece. */
const SHORT = 48
/** There is always room for a text that is no longer, for a number, and for what stands around them. */
const SPARE = 2 * SHORT + 64
/** What is nested deeper is left to `JSON.stringify`, which knows a cycle when it sees one. */
const DEPTH = 16

const QUOTE = 0x22
const COMMA = 0x2c
const ZERO = 0x30
const COLON = 0x3a
const BRACKET = 0x5b
const BACKSLASH = 0x5c
const BRACE = 0x7b

/**
 * Objects as JSON in UTF-8, byte for byte what `JSON.stringify` makes of them, written where it is needed: the way over a string costs
 * a small object twice as much. Long texts, what has a `toJSON`, and whatever else is not plain data go that way, value by value: no
 * getter of an object is asked twice.
 */
export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(ROOM)
  #words = new Uint32Array(this.#bytes.buffer)
  #busy = false

  /** Begins with what was written last. */
  get words(): Uint32Array {
    return this.#words
  }

  /** Returns how many bytes it takes; -1 when this is no object of the usual kind. Throws what `JSON.stringify` does. */
  write(value: object): number {
    // A getter or `toJSON` may come here again.
    if (this.#busy || !isData(value, 'object', 0)) return -1
    if (this.#bytes.length > KEEP) this.#use(Buffer.allocUnsafeSlow(ROOM))
    this.#busy = true
    try {
      return this.#container(value, 0, 1)
    } finally {
      this.#busy = false
    }
  }

  // What follows writes to `at` and returns where it ends; there is as much room as SPARE.

  #container(value: object, at: number, depth: number): number {
    return Array.isArray(value)
      ? this.#array(value, at, depth)
      : this.#object(value as Record<string, unknown>, at, depth)
  }

  #object(object: Record<string, unknown>, start: number, depth: number): number {
    const keys = Object.keys(object)
    let at = start + 1
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string
      const value = object[key]
      const type = typeof value
      let json: string | undefined
      if (type !== 'string' && !isData(value, type, depth)) {
        json = type === 'undefined' ? '' : member(key, value)
        if (json === '') continue
      }
      if (at > start + 1) this.#bytes[at++] = COMMA
      at = this.#text(key, at)
      this.#bytes[at++] = COLON
      if (type === 'string') at = this.#text(value as string, at)
      else at = json === undefined ? this.#value(value, type, at, depth) : this.#raw(json, at)
    }
    this.#bytes[start] = BRACE
    this.#bytes[at] = BRACE + 2
    return this.#room(at + 1)
  }

  #array(array: readonly unknown[], start: number, depth: number): number {
    const { length } = array
    let at = start
    this.#bytes[at++] = BRACKET
    for (let i = 0; i < length; i++) {
      const value = array[i]
      const type = typeof value
      if (i > 0) this.#bytes[at++] = COMMA
      at = isData(value, type, depth)
        ? this.#value(value, type, at, depth)
        : this.#raw(member(String(i), value) || 'null', at)
    }
    this.#bytes[at] = BRACKET + 2
    return this.#room(at + 1)
  }

  /** What {@link isData} is true for. */
  #value(value: unknown, type: string, at: number, depth: number): number {
    if (type === 'string') return this.#text(value as string, at)
    if (type === 'number') return this.#number(value as number, at)
    if (type === 'object' && value !== null) return this.#container(value as object, at, depth + 1)
    return this.#ascii(value === true ? 'true' : value === false ? 'false' : 'null', at)
  }

  #text(text: string, at: number): number {
    const { length } = text
    if (length > SHORT) return this.#raw(JSON.stringify(text), at)
    const bytes = this.#bytes
    const from = at + 1
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) {
        return this.#raw(JSON.stringify(text), at)
      }
      bytes[from + i] = unit
    }
    bytes[at] = QUOTE
    bytes[from + length] = QUOTE
    return this.#room(from + length + 1)
  }

  #number(value: number, at: number): number {
    if (value >= 0 && value < 10 && Number.isInteger(value)) {
      this.#bytes[at] = ZERO + value
      return this.#room(at + 1)
    }
    return this.#ascii(Number.isFinite(value) ? `${value}` : 'null', at)
  }

  /** A few characters of ASCII. */
  #ascii(text: string, at: number): number {
    const bytes = this.#bytes
    const { length } = text
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i)
    return this.#room(at + length)
  }

  #raw(json: string, at: number): number {
    this.#room(at + json.length * 3)
    return this.#room(at + writeUtf8(this.#bytes, json, at))
  }

  /** Has {@link SPARE} behind `end`; returns `end`. */
  #room(end: number): number {
    if (end + SPARE > this.#bytes.length) this.#grow(end)
    return end
  }

  #grow(end: number): void {
    const words = Math.ceil(Math.max(end + SPARE, this.#bytes.length * 2) / 4)
    const larger = Buffer.allocUnsafeSlow(words * 4)
    larger.set(this.#bytes)
    this.#use(larger)
  }

  #use(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#words = new Uint32Array(bytes.buffer)
  }
}

/** Whether a value is what JSON is made for, and not too deep. */
function isData(value: unknown, type: string, depth: number): boolean {
  if (type === 'string' || type === 'number' || type === 'boolean' || value === null) return true
  if (type !== 'object' || depth === DEPTH) return false
  return (
    ((value as object).constructor === Object || Array.isArray(value)) &&
    typeof (value as { toJSON?: unknown }).toJSON !== 'function'
  )
}

/** JSON of any value, which may want to know what it is called; `''` when there is none. */
function member(key: string, value: unknown): string {
  const json = JSON.stringify({ [key]: value })
  return json.slice(JSON.stringify(key).length + 2, -1)
}
