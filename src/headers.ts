import { type InspectOptions, inspect } from 'node:util'
import type { RequestSource } from './bridge/types.js'
import { typeError } from './errors.js'

/** A list of header fields as one flat array: name, value, name, value; names in lower case. */
export type HeaderList = string[]

/** What may be passed where headers are set: an object, a list of pairs, a `Map` or a web `Headers`. */
export type HeadersInput =
  | Readonly<Record<string, string | number>>
  | Iterable<readonly [string, string | number]>

// RFC 9110 section 5.6.2 (token) and 5.5 (field-value: visible characters, space, tab and obs-text).
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

// The connection belongs to the server (RFC 9110 section 7.6.1): a handler that set these would break the framing.
const MANAGED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** @internal */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** @internal Whether the server decides about this field (name in lower case). */
export function isManagedHeader(name: string): boolean {
  return MANAGED.has(name)
}

// Names stand in source code, so the same few are checked over and over; those made up at run time stay out.
const KNOWN_LIMIT = 1000
const known = new Map<string, string>()

/** @internal The lower-case name. */
export function checkHeaderName(name: string): string {
  const before = known.get(name)
  if (before !== undefined) return before
  const lower = lowerName(name)
  if (known.size < KNOWN_LIMIT) known.set(name, lower)
  return lower
}

function lowerName(name: string): string {
  if (typeof name !== 'string' || !TOKEN.test(name)) {
    throw typeError('ARMATURE_HEADER_INVALID', { name: quote(name), why: 'not a header name' })
  }
  const lower = name.toLowerCase()
  if (MANAGED.has(lower)) {
    throw typeError('ARMATURE_HEADER_INVALID', { name, why: 'this header is managed by the server' })
  }
  return lower
}

/** @internal The value as text that fits into one field line, without surrounding blanks. */
export function checkHeaderValue(name: string, value: string | number): string {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') {
    throw typeError('ARMATURE_HEADER_INVALID', { name, why: 'the value is neither a string nor a number' })
  }
  if (!FIELD_VALUE.test(text)) {
    const why = 'the value has a line break, a control character or a character beyond U+00FF'
    throw typeError('ARMATURE_HEADER_INVALID', { name, why })
  }
  return trimBlanks(text)
}

/** @internal */
export function eachHeader(
  headers: HeadersInput,
  visit: (name: string, value: string | number) => void,
): void {
  const entries =
    Symbol.iterator in headers
      ? (headers as Iterable<readonly [string, string | number]>)
      : Object.entries(headers)
  for (const [name, value] of entries) visit(name, value)
}

/** @internal */
export function removeHeader(list: HeaderList, name: string): boolean {
  let kept = 0
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) continue
    list[kept] = list[i] as string
    list[kept + 1] = list[i + 1] as string
    kept += 2
  }
  const removed = kept < list.length
  list.length = kept
  return removed
}

/** What request and response headers have in common: case-insensitive, read-only, repeated fields joined. */
abstract class HeaderView {
  /** @internal Visits every field line in order; names in lower case. */
  protected abstract each(visit: (name: string, value: string) => void): void

  /**
   * The value of a field. Repeated fields are joined with `, ` (RFC 9110 section 5.3); of `set-cookie`, which must not
   * be joined, it is the first.
   */
  get(name: string): string | undefined {
    const values = this.getAll(name)
    if (values.length < 2 || isSetCookie(name)) return values[0]
    return values.join(isCookie(name) ? '; ' : ', ')
  }

  /** Whether the field is there. */
  has(name: string): boolean {
    return this.getAll(name).length > 0
  }

  /** The values of all lines of a field, in order; empty when there is none. */
  getAll(name: string): string[] {
    const lower = name.toLowerCase()
    const values: string[] = []
    this.each((other, value) => {
      if (other === lower) values.push(value)
    })
    return values
  }

  /** `[name, value]` of every field, names in lower case, repeated fields joined, `set-cookie` line by line. */
  *[Symbol.iterator](): IterableIterator<[string, string]> {
    const fields = new Map<string, string>()
    const cookies: string[] = []
    this.each((name, value) => {
      if (isSetCookie(name)) return void cookies.push(value)
      const before = fields.get(name)
      fields.set(name, before === undefined ? value : `${before}${isCookie(name) ? '; ' : ', '}${value}`)
    })
    yield* fields
    for (const cookie of cookies) yield ['set-cookie', cookie]
  }

  /** An object by name; `set-cookie` is a list. */
  toJSON(): Record<string, string | string[]> {
    const json: Record<string, string | string[]> = Object.create(null)
    for (const [name, value] of this) json[name] = value
    if (this.has('set-cookie')) json['set-cookie'] = this.getAll('set-cookie')
    return json
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `${this.constructor.name} ${inspect({ ...this.toJSON() }, options)}`
  }
}

/**
 * The headers of a request: read-only, names compared without regard to case.
 *
 * @example
 * for (const [name, value] of req.headers) console.log(name, value)
 */
export class RequestHeaders extends HeaderView {
  readonly #source: RequestSource

  /** @internal */
  constructor(source: RequestSource) {
    super()
    this.#source = source
  }

  override get(name: string): string | undefined {
    return isSetCookie(name) ? super.get(name) : this.#source.header(name.toLowerCase())
  }

  override has(name: string): boolean {
    return this.#source.header(name.toLowerCase()) !== undefined
  }

  /** @internal */
  protected override each(visit: (name: string, value: string) => void): void {
    const source = this.#source
    for (let i = 0; i < source.headerCount; i++) {
      const name = source.headerName(i)
      // What native layers say about the request; no header of a client begins like that.
      if (!name.startsWith(':')) visit(name, source.headerValue(i))
    }
  }
}

/** @internal Where the headers of a response are kept. */
export interface HeaderOwner {
  /** Names of what the answer of a native handler loses; `null` for every other response. */
  _lost: Set<string> | null
  _type: string | null
  _headers: HeaderList | null
  _cookies: unknown[] | null
}

/**
 * The headers that were set on a response so far. Those that the server adds (`date`, `content-length`) and cookies set
 * with `.cookie()` join them when the response is sent.
 *
 * @example
 * const res = await next()
 * if (!res.headers.has('cache-control')) res.header('cache-control', 'no-store')
 */
export class ResponseHeaders extends HeaderView {
  readonly #owner: HeaderOwner

  /** @internal */
  constructor(owner: HeaderOwner) {
    super()
    this.#owner = owner
  }

  /**
   * Removes a field; `set-cookie` includes the cookies set with `.cookie()`. Returns whether there was one.
   *
   * Of the answer of a native handler it removes what that handler will set, too; whether it will is not known yet, so
   * that only what was set here counts for the result.
   */
  delete(name: string): boolean {
    const owner = this.#owner
    const lower = name.toLowerCase()
    let removed = false
    owner._lost?.add(lower)
    if (lower === 'content-type') {
      removed = owner._type !== null
      owner._type = null
    } else if (owner._headers !== null) {
      removed = removeHeader(owner._headers, lower)
    }
    if (lower === 'set-cookie' && owner._cookies !== null) {
      removed = true
      owner._cookies = null
    }
    return removed
  }

  /** @internal */
  protected override each(visit: (name: string, value: string) => void): void {
    const { _type: type, _headers: list } = this.#owner
    if (type !== null) visit('content-type', type)
    if (list === null) return
    for (let i = 0; i < list.length; i += 2) visit(list[i] as string, list[i + 1] as string)
  }
}

function isSetCookie(name: string): boolean {
  return name.length === 10 && name.toLowerCase() === 'set-cookie'
}

// Browsers split cookies over several fields in HTTP/2 (RFC 9113 section 8.2.3).
function isCookie(name: string): boolean {
  return name.length === 6 && name.toLowerCase() === 'cookie'
}

// HTTP/2 forbids blanks at the ends of a value (RFC 9113 section 8.2.1), HTTP/1 ignores them.
function trimBlanks(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function quote(name: unknown): string {
  return typeof name === 'string' ? JSON.stringify(name).slice(1, -1) : String(name)
}
