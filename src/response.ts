/**
 * `HttpResponse`. Over 300 lines because every status has a documented helper of its own; what is more than storing a
 * value lives in payload.ts (bodies), headers.ts, cookies.ts and stream.ts.
 */
import type { AsyncResource } from 'node:async_hooks'
import { resolve } from 'node:path'
import { type InspectOptions, inspect, types } from 'node:util'
import type { NamedFile } from './bridge/file.js'
import { BodyKind } from './bridge/types.js'
import { type CookieOptions, checkCookie, type ResponseCookieOptions, serializeCookie } from './cookies.js'
import { dispositionOf } from './disposition.js'
import { ArmatureError, nameOf, typeError } from './errors.js'
import { EventStream, type SseOptions, type SseSource } from './events.js'
import { pathOf } from './files.js'
import { isJsonType } from './forms.js'
import {
  checkHeaderName,
  checkHeaderValue,
  eachHeader,
  type HeaderList,
  type HeadersInput,
  ResponseHeaders,
  removeHeader,
} from './headers.js'
import { type RetryOptions, retryAfterValue, statusTitle } from './http-error.js'
import { encodeLocation } from './location.js'
import {
  BYTES,
  checkJson,
  checkText,
  JSON_TYPE,
  jsonText,
  put,
  putRaw,
  RESPONSE_BRAND,
  setPayload,
  TEXT,
  viewBytes,
} from './payload.js'
import type { HttpRequest } from './request.js'
import { signValue } from './signed.js'
import { discardSource, guardSource, isStreamSource, type StreamSource } from './stream.js'

/** Second argument of {@link HttpResponse.json}. */
export interface ResponseInit {
  /** Default: 200. */
  status?: number | undefined
  /** Added to those of the response; a content type replaces it. Default: none. */
  headers?: HeadersInput | undefined
}

/** Second argument of {@link HttpResponse.created}. */
export interface CreatedOptions {
  /** Where the new resource is, sent as Location: absolute or relative to the request. */
  location?: string | URL | undefined
}

/** Options of {@link HttpResponse.stream}. */
export interface StreamOptions {
  /** Content type. Default: `application/octet-stream`. */
  type?: string | undefined
}

/** Options of {@link HttpResponse.file}. */
export interface FileOptions {
  /**
   * Folder that the file has to be in, a path or a `file:` URL: needed where a client has a say in the path. What is not below it, what
   * only a symbolic link that leads out of it reaches, and names that begin with a dot, are not found. Default: any file.
   */
  root?: string | URL | undefined
  /** Content type. Default: by the extension of the file. */
  type?: string | undefined
  /** Offers it as a download, under this name or its own (RFC 6266). Default: `false`. */
  download?: boolean | string | undefined
}

/** A redirect: 301 and 308 are permanent; 303 makes the next request a GET; 307 and 308 keep method and body. */
export type RedirectStatus = 301 | 302 | 303 | 307 | 308

interface PendingCookie {
  name: string
  value: string
  options: ResponseCookieOptions
}

const PROBLEM = 'application/problem+json'

/**
 * An answer. Made by one of the static methods, refined by the fluent ones, which change it and return it.
 *
 * One response answers one request: to send the same thing again make a new one, `.clone()` it before, or register it
 * with `fixed()`.
 *
 * @example
 * HttpResponse.json({ id: 1 }).header('cache-control', 'no-store')
 * HttpResponse.created(user, { location: `/users/${user.id}` })
 * HttpResponse.notFound('no such user')
 */
export class HttpResponse {
  static {
    Object.defineProperty(HttpResponse.prototype, RESPONSE_BRAND, { value: true })
  }

  /** @internal */
  _status: number
  /** @internal Content type, kept apart from the other headers: nearly every response has one and no other. */
  _type: string | null
  /** @internal Headers without the content type, names in lower case. */
  _headers: HeaderList | null = null
  /** @internal */
  _kind: BodyKind
  /** @internal A string, a value to serialise, bytes or a stream, by `_kind`. */
  _body: unknown
  /** @internal */
  _context: AsyncResource | null = null
  /** @internal Finished at commit: whether a cookie is Secure depends on the request. */
  _cookies: PendingCookie[] | null = null
  /** @internal */
  _used = false
  /** @internal Somebody has the stream and looks after it. */
  _taken = false
  /** @internal Names of the headers that the answer of a native handler loses. */
  _lost: Set<string> | null = null

  private constructor(status: number, type: string | null, kind: BodyKind, body: unknown) {
    this._status = status
    this._type = type
    this._kind = kind
    this._body = body
  }

  /** 200 with any body; see {@link HttpResponse.body} for what it may be. */
  static ok(body?: unknown): HttpResponse {
    return HttpResponse.#of(200, body)
  }

  /** 201 with any body and the place of what was created. */
  static created(body?: unknown, options?: CreatedOptions): HttpResponse {
    const res = HttpResponse.#of(201, body)
    return options?.location === undefined ? res : res.header('location', encodeLocation(options.location))
  }

  /** 202: the work goes on after this answer. */
  static accepted(body?: unknown): HttpResponse {
    return HttpResponse.#of(202, body)
  }

  /** 204, which has no body. */
  static noContent(): HttpResponse {
    return new HttpResponse(204, null, BodyKind.Empty, null)
  }

  /**
   * Any value as `application/json`. It is serialised when the response is sent, as by `JSON.stringify`.
   * @throws TypeError `ARMATURE_RESPONSE_TYPE` for functions, symbols, bigints and `undefined`
   */
  static json(value: unknown, init?: ResponseInit): HttpResponse {
    checkJson(value)
    const res = new HttpResponse(200, JSON_TYPE, BodyKind.Json, value)
    return init === undefined ? res : res.#init(init)
  }

  /** `text/plain; charset=utf-8`. */
  static text(text: string): HttpResponse {
    return new HttpResponse(200, TEXT, BodyKind.Text, checkText(text))
  }

  /** `text/html; charset=utf-8`. Nothing is escaped. */
  static html(html: string): HttpResponse {
    return new HttpResponse(200, 'text/html; charset=utf-8', BodyKind.Text, checkText(html))
  }

  /** Bytes, not copied: do not change them before they are sent. `type` defaults to `application/octet-stream`. */
  static bytes(bytes: ArrayBuffer | ArrayBufferView, type = BYTES): HttpResponse {
    if (!(types.isArrayBuffer(bytes) || ArrayBuffer.isView(bytes))) {
      throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(bytes), where: 'bytes' })
    }
    return new HttpResponse(200, checkHeaderValue('content-type', type), BodyKind.Bytes, viewBytes(bytes))
  }

  /**
   * A body that is produced while it is sent; see {@link StreamSource}. A source that fails after the head has left
   * resets the connection, so that nobody takes half a body for a whole one, and is logged.
   * @throws TypeError `ARMATURE_RESPONSE_TYPE`
   */
  static stream(source: StreamSource, options?: StreamOptions): HttpResponse {
    if (!isStreamSource(source)) {
      throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(source), where: 'a stream' })
    }
    guardSource(source)
    const type = checkHeaderValue('content-type', options?.type ?? BYTES)
    const res = new HttpResponse(200, type, BodyKind.Empty, null)
    putRaw(res, BodyKind.Stream, source)
    return res
  }

  /**
   * Server-sent events, as the `EventSource` of browsers reads them: `text/event-stream`, not cached, not held back by
   * nginx (`x-accel-buffering: no`). Ends when the source does, when the client leaves - `return()` is called on the
   * source - and when the server closes.
   *
   * @example
   * HttpResponse.sse(prices(req.lastEventId), { retry: '5s' })
   * @throws TypeError `ARMATURE_RESPONSE_TYPE`, `ARMATURE_OPTION_INVALID`; an event that cannot be sent fails the stream
   * with `ARMATURE_SSE_INVALID`
   */
  static sse(source: SseSource, options?: SseOptions): HttpResponse {
    if (typeof source === 'function' || !isStreamSource(source)) {
      throw typeError('ARMATURE_RESPONSE_TYPE', { what: nameOf(source), where: 'server-sent events' })
    }
    guardSource(source)
    const res = new HttpResponse(200, 'text/event-stream', BodyKind.Empty, null)
    res._headers = ['cache-control', 'no-cache', 'x-accel-buffering', 'no']
    putRaw(res, BodyKind.Stream, new EventStream(source, options))
    return res
  }

  /**
   * A file, read and sent by Rust: its content never enters JavaScript. Ranges and conditions of the request count, unless the status
   * is changed. The answer is 404 when there is no such file.
   *
   * @param path a path: below `root`; without it, any of the machine, relative to the current folder of the process, or a `file:` URL
   * @example
   * app.get('/reports/*name', auth, (req) => HttpResponse.file(req.param('name'), { root: 'reports', download: true }))
   * @throws TypeError `ARMATURE_OPTION_INVALID` when the path or an option is none
   */
  static file(path: string | URL, options?: FileOptions): HttpResponse {
    const root =
      options?.root === undefined ? null : resolve(pathOf('root of HttpResponse.file()', options.root))
    // What a client says is never an error of the handler, but it may name nothing.
    const name =
      root !== null && typeof path === 'string' ? path : pathOf('path of HttpResponse.file()', path)
    const type = options?.type === undefined ? null : checkHeaderValue('content-type', options.type)
    const res = new HttpResponse(200, type, BodyKind.File, { path: name, root } satisfies NamedFile)
    const download = options?.download ?? false
    return download === false ? res : res.header('content-disposition', dispositionOf(download, name))
  }

  /**
   * Sends the client elsewhere. Characters that a URL cannot hold are escaped; where the client may be sent is not
   * checked, so do not pass on what it gave you.
   * @throws TypeError `ARMATURE_REDIRECT_INVALID`: no URL, a control character in it, or another status
   */
  static redirect(url: string | URL, status: RedirectStatus = 302): HttpResponse {
    if (![301, 302, 303, 307, 308].includes(status)) {
      throw typeError('ARMATURE_REDIRECT_INVALID', {
        why: `status ${status} is not 301, 302, 303, 307 or 308`,
      })
    }
    return new HttpResponse(status, null, BodyKind.Empty, null).header('location', encodeLocation(url))
  }

  /** Any status, no body. */
  static status(code: number): HttpResponse {
    return new HttpResponse(checkStatus(code), null, BodyKind.Empty, null)
  }

  /** 400. A string becomes the `detail` of a problem (RFC 9457), any other value is sent as it is; so for all below. */
  static badRequest(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(400, detail)
  }

  /** 401: it is unknown who asks. RFC 9110 section 11.6.1 wants a `www-authenticate` header with it. */
  static unauthorized(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(401, detail)
  }

  /** 403: it is known who asks, and they may not. */
  static forbidden(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(403, detail)
  }

  /** 404: there is no such thing. */
  static notFound(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(404, detail)
  }

  /** 405: not with this method. RFC 9110 section 15.5.6 wants an `allow` header with it. */
  static methodNotAllowed(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(405, detail)
  }

  /** 409: the state of the resource forbids it. */
  static conflict(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(409, detail)
  }

  /** 422: well-formed, but the content makes no sense. */
  static unprocessable(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(422, detail)
  }

  /** 429: too many requests; `retryAfter` (seconds or a Date) says when to try again. */
  static tooManyRequests(detail?: unknown, options?: RetryOptions): HttpResponse {
    return HttpResponse.#problem(429, detail).#retryAfter(options)
  }

  /** 500. The detail is sent: do not put an exception's message into it. */
  static internalError(detail?: unknown): HttpResponse {
    return HttpResponse.#problem(500, detail)
  }

  /** 503: not now; `retryAfter` (seconds or a Date) says when to try again. */
  static serviceUnavailable(detail?: unknown, options?: RetryOptions): HttpResponse {
    return HttpResponse.#problem(503, detail).#retryAfter(options)
  }

  /**
   * Changes the status: 200 to 599. 204, 205 and 304 are sent without the body.
   * @throws TypeError `ARMATURE_STATUS_INVALID`
   */
  status(code: number): this {
    this.#own('status')
    this._status = checkStatus(code)
    return this
  }

  /**
   * Sets a header, replacing what was there, also what a native handler will set. Characters up to U+00FF are allowed; blanks around the value are removed.
   * @throws TypeError `ARMATURE_HEADER_INVALID`: no header name, a line break or control character in the value, or a
   * header that belongs to the connection (`connection`, `transfer-encoding`, `upgrade`, …)
   */
  header(name: string, value: string | number): this {
    const lower = checkHeaderName(name)
    const text = checkHeaderValue(name, value)
    this._lost?.add(lower)
    if (lower === 'content-type') this._type = text
    else {
      if (this._headers === null) this._headers = []
      else removeHeader(this._headers, lower)
      if (lower === 'set-cookie') this._cookies = null
      this._headers.push(lower, text)
    }
    return this
  }

  /** Adds one more line of a header; errors as {@link HttpResponse.header}. A second content type replaces the first. */
  append(name: string, value: string | number): this {
    const lower = checkHeaderName(name)
    const text = checkHeaderValue(name, value)
    if (lower === 'content-type') this.type(text)
    else if (this._headers === null) this._headers = [lower, text]
    else this._headers.push(lower, text)
    return this
  }

  /** Sets the content type; a later body keeps it. */
  type(mime: string): this {
    this._type = checkHeaderValue('content-type', mime)
    this._lost?.add('content-type')
    return this
  }

  /**
   * Replaces the body with anything that a handler may return, except a whole response: a string, bytes, a `Blob`, a
   * stream or generator, `URLSearchParams`, `FormData`; `null` or `undefined` for none; any other value as JSON. The
   * content type follows unless it was set.
   * @throws TypeError `ARMATURE_RESPONSE_TYPE` for functions, symbols, bigints, promises, errors and responses
   */
  body(value: unknown): this {
    this.#own('body')
    this.#replaceStream(value)
    setPayload(this, value)
    return this
  }

  /** Replaces the body with JSON, even for strings and `null`. A content type of the JSON family stays. */
  json(value: unknown): this {
    this.#own('body')
    checkJson(value)
    this.#replaceStream(value)
    this._kind = BodyKind.Json
    this._body = value
    if (this._type === null || !isJsonType(this._type)) this._type = JSON_TYPE
    return this
  }

  /**
   * Sets a cookie: Path=/, HttpOnly, SameSite=Lax, Secure when the request was, unless `options` say otherwise. The
   * value is percent-encoded.
   * @throws TypeError `ARMATURE_COOKIE_INVALID`; `signed` without secrets fails with `ARMATURE_SECRETS_MISSING` when the
   * response is sent
   */
  cookie(name: string, value: string, options: ResponseCookieOptions = {}): this {
    checkCookie(name, value, options)
    this._cookies ??= []
    this._cookies.push({ name, value, options: { ...options } })
    return this
  }

  /** Makes the browser forget a cookie; `path` and `domain` must be those it was set with. */
  clearCookie(name: string, options: CookieOptions = {}): this {
    return this.cookie(name, '', { ...options, expires: new Date(0), maxAge: 0, signed: false })
  }

  /** HTTP status, 200 to 599. */
  get statusCode(): number {
    this.#own('status')
    return this._status
  }

  /** The headers set so far. */
  get headers(): ResponseHeaders {
    return new ResponseHeaders(this)
  }

  /**
   * The body as it was given: a string, bytes, a stream, the value behind JSON, the path of a file; `null` without body. Who reads a stream
   * here looks after it: otherwise it is cancelled when middleware replaces the response or its body.
   */
  get value(): unknown {
    this.#own('body')
    this._taken = true
    if (this._kind === BodyKind.File) return (this._body as NamedFile).path
    return this._body instanceof EventStream ? this._body.source : this._body
  }

  /** Whether the body is produced while it is sent. */
  get isStream(): boolean {
    this.#own('body')
    return this._kind === BodyKind.Stream
  }

  /**
   * A copy to be changed or sent on its own. The value of a JSON body is shared, not copied.
   * @throws ArmatureError `ARMATURE_RESPONSE_REUSED` for a stream, unless a function writes it: it can be read only once
   */
  clone(): HttpResponse {
    this.#own('body')
    if (this._kind === BodyKind.Stream && typeof this._body !== 'function') {
      throw new ArmatureError(
        'ARMATURE_RESPONSE_REUSED',
        'a stream can be sent only once: the response has no copy',
      )
    }
    const copy = new HttpResponse(this._status, this._type, this._kind, this._body)
    copy._context = this._context
    copy._headers = this._headers && [...this._headers]
    copy._cookies = this._cookies && [...this._cookies]
    return copy
  }

  /** @internal Claims the response for one request. */
  markUsed(): void {
    if (this._used) throw new ArmatureError('ARMATURE_RESPONSE_REUSED')
    this._used = true
  }

  /** @internal What can only be done once the request is known: cookies, and no body where the status forbids one. */
  finish(req: HttpRequest): void {
    try {
      if (this._cookies !== null) this.#finishCookies(req)
    } catch (error) {
      this.#dropStream()
      throw error
    }
    const status = this._status
    if (status !== 204 && status !== 304 && status !== 205) return
    if (this._kind === BodyKind.Empty || this._kind === BodyKind.Native) return
    this.#dropStream()
    put(this, BodyKind.Empty, null, null)
    if (status !== 304) this._type = null
  }

  /** @internal */
  static _native(): HttpResponse {
    const res = new HttpResponse(0, null, BodyKind.Native, null)
    res._lost = new Set()
    return res
  }

  /** @internal The connection becomes a WebSocket; `events` hears of it. */
  static _socket(events: object): HttpResponse {
    return new HttpResponse(101, null, BodyKind.Socket, events)
  }

  /** @internal */
  static _problem(status: number, problem: object): HttpResponse {
    return new HttpResponse(status, PROBLEM, BodyKind.Json, problem)
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const headers = this.headers.toJSON()
    if (this._kind === BodyKind.Native) return `HttpResponse ${inspect({ native: true, headers }, options)}`
    return `HttpResponse ${inspect({ status: this._status, headers, body: this._body }, options)}`
  }

  static #of(status: number, body: unknown): HttpResponse {
    const res = new HttpResponse(status, null, BodyKind.Empty, null)
    setPayload(res, body)
    return res
  }

  static #problem(status: number, detail: unknown): HttpResponse {
    if (detail !== undefined && typeof detail !== 'string') return HttpResponse.#of(status, detail)
    const title = statusTitle(status)
    return HttpResponse._problem(status, detail === undefined ? { title, status } : { title, status, detail })
  }

  #init(init: ResponseInit): this {
    if (init.status !== undefined) this._status = checkStatus(init.status)
    if (init.headers !== undefined) eachHeader(init.headers, (name, value) => this.append(name, value))
    return this
  }

  #retryAfter(options: RetryOptions | undefined): this {
    if (options?.retryAfter === undefined) return this
    return this.header('retry-after', retryAfterValue(options.retryAfter))
  }

  #finishCookies(req: HttpRequest): void {
    for (const { name, value, options } of this._cookies ?? []) {
      this.append(
        'set-cookie',
        serializeCookie(name, options.signed ? sign(req, name, value) : value, options, req.secure),
      )
    }
    this._cookies = null
  }

  #dropStream(): void {
    if (this._kind === BodyKind.Stream) discardSource(this._body as StreamSource)
  }

  #replaceStream(value: unknown): void {
    if (value !== this._body) abandon(this)
    this._taken = false
  }

  /** Status and body of a native handler do not exist yet when middleware sees its response. */
  #own(what: string): void {
    if (isLater(this)) throw new ArmatureError('ARMATURE_NATIVE_RESPONSE_READ', { what })
  }
}

/** What is answered is not known yet: a native handler does, or the connection leaves HTTP. */
function isLater({ _kind: kind }: HttpResponse): boolean {
  return kind === BodyKind.Native || kind === BodyKind.Socket
}

/** @internal */
export function isHttpResponse(value: unknown): value is HttpResponse {
  return typeof value === 'object' && value !== null && RESPONSE_BRAND in value
}

/** @internal Another response is sent instead of this one: a stream that nobody looks after is given up. */
export function abandon(response: HttpResponse): void {
  if (response._kind !== BodyKind.Stream || response._used || response._taken) return
  response._taken = true
  discardSource(response._body as StreamSource)
}

/** @internal The response of a handler that Rust runs at commit: headers may be changed, nothing else is known. */
export function nativeResponse(): HttpResponse {
  return HttpResponse._native()
}

/** @internal A whole response as Rust keeps it to answer without JavaScript. */
export interface FrozenResponse {
  status: number
  headers: [string, string][]
  body: Uint8Array | null
}

/**
 * @internal The response of `fixed()`; bytes are copied.
 * @throws TypeError `ARMATURE_RESPONSE_TYPE` for streams and native responses, `ARMATURE_COOKIE_INVALID` for cookies,
 * which belong to one client
 */
export function freezeForNative(res: HttpResponse): FrozenResponse {
  if (res._kind === BodyKind.Stream || res._kind === BodyKind.File || isLater(res)) {
    throw typeError('ARMATURE_RESPONSE_TYPE', {
      what: 'a streamed or native response, or a file',
      where: 'a fixed response',
    })
  }
  const cookie = res._cookies?.[0]
  if (cookie !== undefined) {
    throw typeError('ARMATURE_COOKIE_INVALID', {
      name: cookie.name,
      why: 'a fixed response is the same for everybody',
    })
  }
  const headers: [string, string][] = res._type === null ? [] : [['content-type', res._type]]
  const list = res._headers ?? []
  for (let i = 0; i < list.length; i += 2) headers.push([list[i] as string, list[i + 1] as string])
  const bodiless = res._status === 204 || res._status === 205 || res._status === 304
  return { status: res._status, headers, body: bodiless ? null : frozenBody(res) }
}

function frozenBody(res: HttpResponse): Uint8Array | null {
  if (res._kind === BodyKind.Empty) return null
  if (res._kind === BodyKind.Bytes) return Uint8Array.from(res._body as Uint8Array)
  return Buffer.from(res._kind === BodyKind.Json ? jsonText(res._body) : (res._body as string))
}

function sign(req: HttpRequest, name: string, value: string): string {
  const secret = req._secret
  if (secret === undefined) throw new ArmatureError('ARMATURE_SECRETS_MISSING')
  return signValue(name, value, secret)
}

function checkStatus(status: number): number {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status
  throw typeError('ARMATURE_STATUS_INVALID', {
    status: String(status),
    allowed: 'a final status: 200 to 599',
  })
}
