import { AsyncResource } from 'node:async_hooks'
import { types } from 'node:util'
import { BodyKind } from './bridge/types.js'
import { isBranded, isError, nameOf, typeError } from './errors.js'
import { guardSource, isStream } from './stream.js'

/** @internal What a response keeps of its body until it is committed. */
export interface Payload {
  _kind: BodyKind
  _body: unknown
  /** Content type. */
  _type: string | null
  /** Where a stream was given: what it runs to produce its pieces runs in that asynchronous context. */
  _context: AsyncResource | null
}

/** @internal */
export const RESPONSE_BRAND = Symbol.for('armature.response')
/** @internal */
export const TEXT = 'text/plain; charset=utf-8'
/** @internal */
export const JSON_TYPE = 'application/json'
/** @internal */
export const BYTES = 'application/octet-stream'

/**
 * Sets any value that can be a body. A content type that somebody chose stays, one that came with the former body goes.
 *
 * @internal
 */
export function setPayload(target: Payload, value: unknown): void {
  if (typeof value === 'string') put(target, BodyKind.Text, value, TEXT)
  else if (value === null || value === undefined) put(target, BodyKind.Empty, null, null)
  else if (typeof value === 'object') putObject(target, value)
  else if (typeof value === 'number' || typeof value === 'boolean')
    put(target, BodyKind.Json, value, JSON_TYPE)
  else throw notBody(value)
}

/** @internal */
export function put(target: Payload, kind: BodyKind, body: unknown, type: string | null): void {
  if (target._type === null || target._type === defaultType(target._kind)) target._type = type
  putRaw(target, kind, body)
}

/** @internal The same without a content type. */
export function putRaw(target: Payload, kind: BodyKind, body: unknown): void {
  target._kind = kind
  target._body = body
  // Not AsyncLocalStorage.snapshot(): in Node.js 20 each makes functions with a prototype of their own, 3 KB that outlive two
  // collections of the young generation, which doubles again and again for them.
  if (kind === BodyKind.Stream) target._context = new AsyncResource('ArmatureStream')
}

/** @internal The bytes behind any view; shared, not copied. */
export function viewBytes(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (types.isArrayBuffer(value)) return new Uint8Array(value)
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

/** @internal */
export function checkText(text: string): string {
  if (typeof text === 'string') return text
  throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(text), where: 'text' })
}

/** @internal */
export function checkJson(value: unknown): void {
  const type = typeof value
  if (type === 'object' || type === 'string' || type === 'number' || type === 'boolean') return
  throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(value), where: 'JSON' })
}

/** @internal JSON of a body. What `toJSON` throws, a cycle or a bigint is an error of the handler, never an empty body. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(value), where: 'JSON' })
  return text
}

/** @internal A web `Response`, also one of another implementation (Hono and undici bring their own). */
export function isWebResponse(value: object): value is Response {
  return tagOf(value) === 'Response' && 'headers' in value && 'arrayBuffer' in value
}

/** @internal */
export function isThenable(value: object): value is PromiseLike<unknown> {
  return 'then' in value && typeof value.then === 'function'
}

function putObject(target: Payload, value: object): void {
  if (Array.isArray(value) || isPlain(value)) {
    put(target, BodyKind.Json, value, JSON_TYPE)
  } else if (ArrayBuffer.isView(value) || types.isArrayBuffer(value)) {
    put(target, BodyKind.Bytes, viewBytes(value), BYTES)
  } else if (isStream(value)) {
    guardSource(value)
    put(target, BodyKind.Stream, value, BYTES)
  } else {
    putInstance(target, value)
  }
}

function putInstance(target: Payload, value: object): void {
  // By tag first: naming these globals makes Node load its whole fetch implementation.
  const tag = tagOf(value)
  if (tag === 'URLSearchParams' && value instanceof URLSearchParams) {
    put(target, BodyKind.Text, value.toString(), 'application/x-www-form-urlencoded;charset=UTF-8')
  } else if ((tag === 'Blob' || tag === 'File') && value instanceof Blob) {
    put(target, BodyKind.Stream, value.stream(), value.type || BYTES)
  } else if (tag === 'FormData' && value instanceof FormData) {
    // The boundary is chosen by the runtime's own encoder.
    const encoded = new Response(value)
    put(target, BodyKind.Stream, encoded.body, encoded.headers.get('content-type'))
  } else if (
    isError(value) ||
    isThenable(value) ||
    isBranded(value, RESPONSE_BRAND) ||
    isWebResponse(value)
  ) {
    // Each would quietly become `{}` as JSON.
    throw notBody(value)
  } else {
    put(target, BodyKind.Json, value, JSON_TYPE)
  }
}

/** @internal Most bodies: an object literal with nothing in it that makes it more than data. */
export function isPlain(value: object): boolean {
  // Looked at like any property, which the engine is quick at; only what is not an ordinary object needs the question
  // for its prototype, which it is not.
  if (value.constructor !== Object) {
    const prototype = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) return false
  }
  const {
    then,
    [Symbol.iterator]: iterator,
    [Symbol.asyncIterator]: asyncIterator,
  } = value as Partial<PromiseLike<unknown> & Iterable<unknown> & AsyncIterable<unknown>>
  return iterator === undefined && asyncIterator === undefined && typeof then !== 'function'
}

function notBody(value: unknown): TypeError {
  return typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(value), where: 'a body' })
}

function defaultType(kind: BodyKind): string | null {
  if (kind === BodyKind.Json) return JSON_TYPE
  if (kind === BodyKind.Text) return TEXT
  return kind === BodyKind.Bytes || kind === BodyKind.Stream ? BYTES : null
}

function tagOf(value: object): unknown {
  return (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]
}
