import { BodyKind } from './bridge/types.js'
import { ArmatureError, isError, nameOf, typeError } from './errors.js'
import { isManagedHeader } from './headers.js'
import { isPlain, isThenable, isWebResponse, putRaw } from './payload.js'
import type { HttpRequest } from './request.js'
import { HttpResponse, isHttpResponse } from './response.js'
import { warnUndefined } from './warn-undefined.js'

/**
 * What a handler may return:
 *
 * | value | answer |
 * |---|---|
 * | `HttpResponse`, web `Response` | itself |
 * | `string` | `text/plain; charset=utf-8` |
 * | `Buffer`, `Uint8Array`, `ArrayBuffer`, any view | `application/octet-stream` |
 * | `Blob`, `File` | its type, else `application/octet-stream` |
 * | `URLSearchParams`, `FormData` | an encoded form |
 * | `ReadableStream`, Node `Readable`, `AsyncIterable`, generator | a stream of strings or bytes |
 * | `null`, `undefined` | 204 |
 * | anything else | JSON |
 *
 * Functions, symbols and bigints throw `ARMATURE_RESPONSE_TYPE`; an `Error` that is returned counts as thrown.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement is allowed
export type Responder = string | number | boolean | object | null | undefined | void

/**
 * Turns what a handler returned into a response. Throws (or rejects, for a promise) what cannot be one.
 *
 * @internal
 */
export function toResponse(value: unknown, req: HttpRequest): HttpResponse | Promise<HttpResponse> {
  if (isHttpResponse(value)) return value
  if (value === undefined) warnUndefined(req)
  if (value === null || value === undefined) return HttpResponse.noContent()
  if (typeof value === 'object') {
    if (Array.isArray(value) || isPlain(value)) return HttpResponse.ok(value)
    if (isError(value)) throw value
    if (isThenable(value)) return Promise.resolve(value).then((value) => toResponse(value, req))
    if (isWebResponse(value)) return fromWebResponse(value)
  } else if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') {
    const where = `the answer to ${req.method} ${req.route || req.path}`
    throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(value), where })
  }
  return HttpResponse.ok(value)
}

/** @internal A web `Response` as ours; its body is passed on, not read. */
export function fromWebResponse(web: Response): HttpResponse {
  if (web.bodyUsed)
    throw new ArmatureError('ARMATURE_RESPONSE_REUSED', 'the body of this Response was already read')
  const res = HttpResponse.status(web.status)
  const decoded = wasDecoded(web)
  for (const [name, value] of web.headers) {
    // A proxied answer brings the fields of its own connection (RFC 9110 section 7.6.1).
    if (isManagedHeader(name)) continue
    if (decoded && (name === 'content-encoding' || name === 'content-length')) continue
    res.append(name, value)
  }
  if (web.body !== null) {
    putRaw(res, BodyKind.Stream, web.body)
  }
  return res
}

// fetch() decompresses the body and leaves the headers that described it. Only what came from a server has a url.
function wasDecoded(web: Response): boolean {
  const encoding = web.headers.get('content-encoding')
  if (encoding === null || web.url === '' || web.body === null) return false
  return encoding.split(',').every((coding) => {
    const name = coding.trim().toLowerCase()
    return /^(x-gzip|gzip|deflate|br)$/.test(name) || (name === 'zstd' && 'zstd' in process.versions)
  })
}
