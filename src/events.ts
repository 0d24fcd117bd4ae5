import { milliseconds } from './duration.js'
import { nameOf, typeError } from './errors.js'
import type { Duration } from './generated/config.js'
import { jsonText } from './payload.js'

/**
 * One server-sent event. Lines of text may end in CR, LF or CRLF; the client gets LF.
 *
 * @example
 * { id: 7, event: 'price', data: { symbol: 'ACME', price: 41.5 } }
 */
export interface SseEvent {
  /** What the client's listeners get: a string as it is, anything else as JSON. Without it the client dispatches nothing. */
  data?: unknown
  /** The name that clients listen for, one line. Default: `message`. */
  event?: string | undefined
  /** Sent back as `Last-Event-ID` when the client connects again; one line without U+0000. `''` makes the client forget it. */
  id?: string | number | undefined
  /** How long the client is to wait before it connects again, from now on. */
  retry?: Duration | undefined
  /** Ignored by clients. */
  comment?: string | undefined
}

/** Where server-sent events come from: strings stand for events with nothing but `data`. */
export type SseSource =
  | AsyncIterable<SseEvent | string>
  | Iterable<SseEvent | string>
  | ReadableStream<SseEvent | string>

/** Options of {@link HttpResponse.sse}. */
export interface SseOptions {
  /**
   * A stream that has been idle for so long sends a comment, so that nobody on the way takes the connection for dead.
   * Rust sends it, also while JavaScript computes. From 10 ms to 24 h, 0 for never. Default: `'15s'`.
   */
  heartbeat?: Duration | undefined
  /** How long clients are to wait before they connect again; sent first. Default: what the client thinks, some seconds. */
  retry?: Duration | undefined
}

const HEARTBEAT = 15_000
/** Deadlines are kept in ticks of 10 ms: nothing shorter can be. */
const SHORTEST = 10
const FIELDS = ['data', 'event', 'id', 'retry', 'comment']
const LINE_END = /\r\n|\r|\n/
// Clients ignore an id with U+0000.
const NOT_AN_ID = /[\r\n\0]/

/**
 * The body of a response of server-sent events: what it consists of, and how it is kept open.
 *
 * @internal
 */
export class EventStream {
  readonly source: SseSource
  readonly #heartbeat: number
  readonly #retry: number | null

  constructor(source: SseSource, options: SseOptions = {}) {
    for (const name of Object.keys(options)) {
      if (name !== 'heartbeat' && name !== 'retry') throw unknownOption(name)
    }
    const { heartbeat, retry } = options
    this.source = source
    this.#heartbeat = heartbeat === undefined ? HEARTBEAT : milliseconds('heartbeat', heartbeat)
    if (this.#heartbeat > 0 && this.#heartbeat < SHORTEST) {
      const allowed = '0, or a duration from 10 ms to 24 h'
      throw typeError('ARMATURE_OPTION_INVALID', { option: 'heartbeat', value: String(heartbeat), allowed })
    }
    this.#retry = retry === undefined ? null : milliseconds('retry', retry)
  }

  /** What Rust has to know of it, in the form of a command. */
  get head(): Uint8Array {
    const opening = this.#retry === null ? '' : `${retryLine(this.#retry)}\n`
    const head = Buffer.allocUnsafe(4 + opening.length)
    head.writeUInt32LE(Math.ceil(this.#heartbeat))
    head.write(opening, 4, 'latin1')
    return head
  }
}

/**
 * An event in the form of WHATWG HTML section 9.2.5.
 *
 * @internal
 * @throws TypeError `ARMATURE_SSE_INVALID` for what no client would understand, or nobody can have meant
 */
export function encodeEvent(event: unknown): string {
  if (typeof event === 'string') return `${lines('data: ', event)}\n`
  if (typeof event !== 'object' || event === null || Array.isArray(event) || isBytes(event)) {
    throw invalid(`${nameOf(event)} is neither an event nor a string`)
  }
  for (const name in event) {
    if (!FIELDS.includes(name)) throw invalid(`'${name}' is none of ${FIELDS.join(', ')}`)
  }
  const { comment, event: name, id, retry, data } = event as SseEvent
  let text = comment === undefined ? '' : lines(': ', checkString('comment', comment))
  if (name !== undefined) {
    if (data === undefined) throw invalid('an event without data has a name: no client would dispatch it')
    text += `event: ${checkName(name)}\n`
  }
  if (id !== undefined) text += `id: ${checkId(id)}\n`
  if (retry !== undefined) text += retryLine(milliseconds('retry', retry))
  if (data !== undefined) text += lines('data: ', dataText(data))
  if (text === '') throw invalid(`an object has none of ${FIELDS.join(', ')}`)
  return `${text}\n`
}

/** The text line by line; a blank is removed by the client, so those that the text begins with stay. */
function lines(field: string, text: string): string {
  if (!LINE_END.test(text)) return `${field}${text}\n`
  let all = ''
  for (const line of text.split(LINE_END)) all += `${field}${line}\n`
  return all
}

function dataText(data: unknown): string {
  if (typeof data === 'string') return data
  if (typeof data === 'object' && data !== null && isBytes(data)) {
    throw invalid(`data is ${nameOf(data)}: events are text`)
  }
  return jsonText(data)
}

function retryLine(millis: number): string {
  return `retry: ${Math.round(millis)}\n`
}

function checkName(name: unknown): string {
  const text = checkString('event', name)
  if (LINE_END.test(text)) throw invalid('event has a line break')
  return text
}

function checkId(id: unknown): string {
  const text = typeof id === 'number' ? String(id) : checkString('id', id)
  if (NOT_AN_ID.test(text)) throw invalid('id has a line break or U+0000')
  return text
}

function checkString(field: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw invalid(`${field} is ${nameOf(value)}, not a string`)
}

function isBytes(value: object): boolean {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer
}

function invalid(why: string): TypeError {
  return typeError('ARMATURE_SSE_INVALID', { why })
}

function unknownOption(name: string): TypeError {
  return typeError('ARMATURE_OPTION_INVALID', {
    option: 'options of sse()',
    value: `'${name}'`,
    allowed: 'heartbeat or retry',
  })
}
