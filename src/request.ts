/**
 * `HttpRequest`. Over 300 lines because every member is documented here; each only fetches and keeps what other files
 * decode: body.ts, forms.ts, cookies.ts, headers.ts, query.ts.
 */
import { AsyncResource } from 'node:async_hooks'
import { type InspectOptions, inspect } from 'node:util'
import { RequestBody, unheard } from './body.js'
import type { AbortReason, RequestSource } from './bridge/types.js'
import { parseCookies } from './cookies.js'
import { type DataKey, dataName } from './data.js'
import { ArmatureError, type ArmatureErrorCode } from './errors.js'
import { checkFormType, decodeText, isJsonType, parseForm, parseJson } from './forms.js'
import { RequestHeaders } from './headers.js'
import { requestError } from './http-error.js'
import type { Locals } from './locals.js'
import { AppLog } from './log/app-log.js'
import type { Log } from './log/types.js'
import type { ScopeRuntime } from './plan.js'
import { Query } from './query.js'
import { unsignValue } from './signed.js'
import { type RequestTls, readTls } from './tls.js'

const ABORT_CODES: Record<AbortReason, ArmatureErrorCode> = {
  'client-gone': 'ARMATURE_CLIENT_GONE',
  deadline: 'ARMATURE_HANDLER_TIMEOUT',
  shutdown: 'ARMATURE_SERVER_CLOSED',
}

// What must not end up in a log because somebody printed a request.
const SECRET_HEADERS = ['authorization', 'cookie', 'proxy-authorization']

/**
 * A request, as handlers and middleware get it. Everything is decoded when it is first read.
 *
 * `P` are the parameters of the path, `L` what middleware declared on `locals`.
 *
 * @example
 * app.post('/users/:id/avatar', async (req) => {
 *   if (req.header('content-type') !== 'image/png') throw new HttpError(415, 'send a PNG')
 *   await avatars.save(req.param('id'), await req.bytes())
 * })
 */
// biome-ignore lint/complexity/noBannedTypes: {} is the identity of the intersection with Locals
export class HttpRequest<out P extends object = Record<string, string>, out L extends object = {}> {
  readonly #source: RequestSource
  readonly #secrets: readonly string[]
  // Only null here: this constructor runs for every request, and most read little.
  #params: Readonly<P> | null = null
  #query: Query | null = null
  #headers: RequestHeaders | null = null
  #cookies: Readonly<Record<string, string | undefined>> | null = null
  #locals: (Locals & L) | null = null
  #signal: AbortSignal | null = null
  #body: RequestBody | null = null
  #stream: ReadableStream<Uint8Array> | null = null
  #tls: RequestTls | null = null
  #log: Log | null = null

  /** @internal `secrets`: for signed cookies, the current one first. */
  constructor(source: RequestSource, secrets: readonly string[]) {
    this.#source = source
    this.#secrets = secrets
  }

  /** The method, in the case it was sent in: `'GET'`. */
  get method(): string {
    return this.#source.method
  }

  /** The path as it was sent: still escaped, without the query. */
  get path(): string {
    return this.#source.path
  }

  /** The absolute URL, as the client wrote it as far as that is known: behind a trusted proxy with its scheme and host. */
  get url(): string {
    const { path, search, host } = this.#source
    const base = `${this.scheme}://${host === '' ? 'localhost' : host}`
    // OPTIONS * is about the server, not about a path.
    return `${base}${path === '*' ? '' : path}${search === '' ? '' : `?${search}`}`
  }

  /** Host and port that the client asked for; `''` in an HTTP/1.0 request that names none. */
  get host(): string {
    return this.#source.host
  }

  /** `'https'` when {@link HttpRequest.secure}. */
  get scheme(): 'http' | 'https' {
    return this.#source.secure ? 'https' : 'http'
  }

  /** Whether the client's connection is encrypted, by our own TLS or by the word of a trusted proxy. */
  get secure(): boolean {
    return this.#source.secure
  }

  /**
   * What there is to know of the connection's TLS; `null` when it is not our own TLS that encrypts it: without `tls` of the
   * listener, and where a proxy does.
   */
  get tls(): RequestTls | null {
    const { tls } = this.#source
    if (this.#tls === null && tls !== null) this.#tls = readTls(tls)
    return this.#tls
  }

  /**
   * The nonce in the `Content-Security-Policy` of the answer, for the `nonce` attribute of scripts and styles; `undefined`
   * without `SecurityHeaders` whose policy asks for one.
   */
  get cspNonce(): string | undefined {
    return this.#source.header(':csp-nonce')
  }

  /** The version of HTTP on our connection. */
  get protocol(): 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' | 'HTTP/3' {
    return this.#source.protocol
  }

  /**
   * A parameter of the path, decoded.
   * @throws ArmatureError `ARMATURE_PARAM_UNKNOWN`: the route has no parameter of this name
   */
  param<K extends keyof P & string>(name: K): string {
    const index = this.#source.handler.paramNames.indexOf(name)
    if (index < 0) throw new ArmatureError('ARMATURE_PARAM_UNKNOWN', { name, route: this.route })
    return this.#source.param(index)
  }

  /** All parameters of the path, decoded; frozen. */
  get params(): Readonly<P> {
    if (this.#params === null) {
      const params: Record<string, string> = Object.create(null)
      this.#source.handler.paramNames.forEach((name, index) => {
        params[name] = this.#source.param(index)
      })
      this.#params = Object.freeze(params) as Readonly<P>
    }
    return this.#params
  }

  /** The query, decoded as the URL standard does; cannot be changed. */
  get query(): Query {
    this.#query ??= new Query(this.#source.search)
    return this.#query
  }

  /** The first value of a name in the query. */
  queryParam(name: string): string | undefined {
    return this.#source.search === '' ? undefined : (this.query.get(name) ?? undefined)
  }

  /** A header, by its name in any case; repeated fields are joined with `, ` (RFC 9110 section 5.3). */
  header(name: string): string | undefined {
    return this.#source.header(name.toLowerCase())
  }

  /** All headers. */
  get headers(): RequestHeaders {
    this.#headers ??= new RequestHeaders(this.#source)
    return this.#headers
  }

  /**
   * The cookies by name (RFC 6265 section 5.4), percent-decoded; frozen. Of equal names the first counts: it has the
   * more specific path.
   */
  get cookies(): Readonly<Record<string, string | undefined>> {
    this.#cookies ??= parseCookies(this.#source.header('cookie'))
    return this.#cookies
  }

  /** One cookie. */
  cookie(name: string): string | undefined {
    return this.cookies[name]
  }

  /**
   * A cookie that was set with `signed: true`; `undefined` as well when the signature is wrong.
   * @throws ArmatureError `ARMATURE_SECRETS_MISSING`: the application has no `secrets`
   */
  signedCookie(name: string): string | undefined {
    if (this.#secrets.length === 0) throw new ArmatureError('ARMATURE_SECRETS_MISSING')
    const value = this.cookies[name]
    return value === undefined ? undefined : unsignValue(name, value, this.#secrets)
  }

  /** The client's address; behind a trusted proxy the one that the proxy reports. */
  get ip(): string {
    return this.#source.ip
  }

  /** The address at the other end of our connection, proxy or not. */
  get remoteAddress(): string {
    return this.#source.remoteAddress
  }

  /** The port at the other end of our connection. */
  get remotePort(): number {
    return this.#source.remotePort
  }

  /** Identifies the request in logs and answers: generated, or taken from a trusted header. */
  get id(): string {
    return this.#source.id
  }

  /** The pattern that matched: `'/users/:id'`; `''` in a `default` handler. */
  get route(): string {
    return this.#source.handler.pattern
  }

  /**
   * The body as JSON. Accepts `application/json`, types ending in `+json`, and no type at all; every call parses anew.
   * A `__proto__` member is an own property, as with `JSON.parse`.
   * @throws HttpError 400 `ARMATURE_BODY_EMPTY` or `ARMATURE_JSON_INVALID`, 413 `ARMATURE_BODY_TOO_LARGE`, 415
   * `ARMATURE_MEDIA_TYPE`; ArmatureError `ARMATURE_BODY_USED`
   */
  json<T = unknown>(): Promise<T> {
    const type = this.#source.header('content-type')
    if (!isJsonType(type)) {
      const allowed = 'json() reads application/json and +json'
      return unheard(Promise.reject(requestError('ARMATURE_MEDIA_TYPE', { type: type ?? '', allowed })))
    }
    return this.#reader().read((body) => parseJson(body, type) as T)
  }

  /**
   * The body as text: UTF-8, or iso-8859-1 if the content type says so. Invalid UTF-8 becomes U+FFFD.
   * @throws HttpError 413 `ARMATURE_BODY_TOO_LARGE`, 415 `ARMATURE_MEDIA_TYPE` for other charsets; ArmatureError
   * `ARMATURE_BODY_USED`
   */
  text(): Promise<string> {
    return this.#reader().read((body) => decodeText(body, this.#source.header('content-type')))
  }

  /**
   * The body as it is. Every call gives the same Buffer.
   * @throws HttpError 413 `ARMATURE_BODY_TOO_LARGE`; ArmatureError `ARMATURE_BODY_USED`
   */
  bytes(): Promise<Buffer> {
    return this.#reader().bytes()
  }

  /**
   * The body as a form of type `application/x-www-form-urlencoded`.
   * @throws HttpError 400 `ARMATURE_FORM_INVALID`, 413 `ARMATURE_BODY_TOO_LARGE`, 415 `ARMATURE_MEDIA_TYPE`;
   * ArmatureError `ARMATURE_NOT_AVAILABLE` for multipart, `ARMATURE_BODY_USED`
   */
  formData(): Promise<FormData> {
    const type = this.#source.header('content-type')
    try {
      checkFormType(type)
    } catch (error) {
      return unheard(Promise.reject(error))
    }
    return this.#reader().read((body) => parseForm(body, type))
  }

  /**
   * The body piece by piece, as a byte stream; `null` when the request has none. Once somebody reads from it, the
   * buffered readers throw `ARMATURE_BODY_USED`.
   */
  get body(): ReadableStream<Uint8Array> | null {
    if (this.#stream === null && this.#source.hasBody) this.#stream = this.#reader().stream()
    return this.#stream
  }

  /** The body piece by piece; afterwards the buffered readers throw `ARMATURE_BODY_USED`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return this.#reader().iterate()
  }

  /**
   * Aborted when nobody waits for the answer any more: the client left, `timeouts.handler` passed or the server stops;
   * never after success. The reason is an `AbortError` with `code` `ARMATURE_CLIENT_GONE`, `ARMATURE_HANDLER_TIMEOUT`
   * or `ARMATURE_SERVER_CLOSED`.
   */
  get signal(): AbortSignal {
    if (this.#signal === null) {
      const controller = new AbortController()
      this.#signal = controller.signal
      // In a context: its listeners belong to this request, whoever tells that nobody waits for it.
      const context = new AsyncResource('ArmatureSignal')
      this.#source.onAbort((reason) => {
        context.runInAsyncScope(abort, undefined, controller, reason)
      })
    }
    return this.#signal
  }

  /**
   * Shared state of the nearest scope that declares it.
   * @throws ArmatureError `ARMATURE_DATA_MISSING`, which names it
   */
  data<T>(key: DataKey<T>): T {
    for (let scope: ScopeRuntime | null = this.#source.handler.scope; scope !== null; scope = scope.parent) {
      if (scope.data.has(key)) return scope.data.get(key) as T
    }
    throw new ArmatureError('ARMATURE_DATA_MISSING', { name: dataName(key) })
  }

  /** The log of the application; its lines have `requestId` and `route`. Made when it is first read. */
  get log(): Log {
    if (this.#log === null) {
      let scope: ScopeRuntime = this.#source.handler.scope
      while (scope.parent !== null) scope = scope.parent
      this.#log = (scope.log ?? new AppLog({})).ofRequest(this.id, this.route)
    }
    return this.#log
  }

  /** A place for middleware to leave things for what runs after it; starts empty. */
  get locals(): Locals & L {
    this.#locals ??= new Dictionary() as Locals & L
    return this.#locals
  }

  /**
   * The id of the last server-sent event that the client got before it connected again; `undefined` when it has none.
   * The text of the `Last-Event-ID` header, which is UTF-8 (WHATWG HTML section 9.2.3).
   */
  get lastEventId(): string | undefined {
    const id = this.#source.header('last-event-id')
    return id === undefined || id === '' ? undefined : Buffer.from(id, 'latin1').toString()
  }

  /** A summary without secrets, for logs. */
  toJSON(): Record<string, unknown> {
    const headers = this.headers.toJSON()
    for (const name of SECRET_HEADERS) if (name in headers) headers[name] = '[redacted]'
    const { id, method, url, route, params, ip, protocol } = this
    return { id, method, url, route, params: { ...params }, ip, protocol, headers: { ...headers } }
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `HttpRequest ${inspect(this.toJSON(), options)}`
  }

  /** @internal Signs cookies; `undefined` when the application has none. */
  get _secret(): string | undefined {
    return this.#secrets[0]
  }

  /** @internal Why the request was given up, if anybody asked to know. */
  get _abortReason(): unknown {
    return this.#signal?.reason
  }

  #reader(): RequestBody {
    this.#body ??= new RequestBody(this.#source)
    return this.#body
  }
}

// Without Object.prototype, so that no name of a local is taken; a constructor keeps property access fast.
const Dictionary = function Locals() {} as unknown as new () => object
Dictionary.prototype = Object.create(null)

function abort(controller: AbortController, reason: AbortReason): void {
  controller.abort(abortError(reason))
}

// The shape that fetch(), timers and streams expect of an abort reason.
function abortError(reason: AbortReason): ArmatureError {
  const error = new ArmatureError(ABORT_CODES[reason], undefined, { cause: reason })
  return Object.defineProperty(error, 'name', { value: 'AbortError', configurable: true, writable: true })
}
