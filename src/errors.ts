import { types } from 'node:util'

/**
 * Every error of the framework: code, HTTP status it becomes when it ends a request (`null`: it never meets one) and
 * message. `{name}` is filled in where the error is made. docs/reference/errors.md has a row for each.
 */
export const errorTable = {
  // Building an application
  ARMATURE_APP_FROZEN: [null, 'the application listens already: declare {what} before run() or listen()'],
  ARMATURE_DATA_DUPLICATE: [null, "data for '{name}' is declared twice in the same scope"],
  ARMATURE_DATA_KEY: [null, 'data() is keyed by a class or by key(): {value} is neither'],
  ARMATURE_LAYER_ORDER: [
    null,
    '{layer} answers before JavaScript runs, so the middleware around it would be skipped',
  ],
  ARMATURE_NOT_AVAILABLE: [501, '{feature} is not available yet'],
  ARMATURE_OPTION_INVALID: [null, '{option}: {value} is not {allowed}'],
  ARMATURE_ROUTE_CONFLICT: [null, 'route {route} conflicts with {existing}'],
  ARMATURE_ROUTE_PATTERN: [null, "route pattern '{pattern}': {why}"],

  // Starting, running and stopping a server
  ARMATURE_IO: [null, 'a system call failed: {why}'],
  ARMATURE_LISTEN: [null, 'cannot listen on {address}'],
  ARMATURE_NATIVE_MISSING: [null, 'no native binary for {platform} can be loaded: {why}'],
  ARMATURE_NODE_VERSION: [null, 'Node.js {version} is too old for @armature/core'], // Made by node-version.ts.
  ARMATURE_RELOAD_INLINE: [
    null,
    "under io: 'inline' connections live on the thread that a reload would end: use IO threads (io: 'auto')",
  ],
  ARMATURE_RELOAD_OPTIONS: [null, 'a reload cannot change {options}: restart the process'],
  ARMATURE_SERVER_CLOSED: [503, 'the server is shutting down'],
  ARMATURE_TLS: [null, '{option}: the certificate cannot be used: {why}'],
  ARMATURE_WORKER_ROUTES: [
    null,
    'the routes of this worker are not those of the server: {differences}; declare the same in every thread',
  ],
  ARMATURE_WORKER_START: [null, 'worker {worker} did not start: {why}'],

  // Mistakes in handlers and middleware
  ARMATURE_BODY_USED: [500, 'the body was already read as a stream'],
  ARMATURE_COOKIE_INVALID: [500, "cookie '{name}': {why}"],
  ARMATURE_DATA_MISSING: [500, "no data '{name}' is declared for this scope; add .data() to it or above it"],
  ARMATURE_HEADER_INVALID: [500, "header '{name}': {why}"],
  ARMATURE_MIDDLEWARE_NO_RESPONSE: [500, 'the middleware returned nothing and did not call next()'],
  ARMATURE_NATIVE_RESPONSE_READ: [
    500,
    'a native handler answers later, in Rust: its {what} cannot be used here',
  ],
  ARMATURE_NEXT_TWICE: [500, 'next() was called twice by the same middleware'],
  ARMATURE_PARAM_UNKNOWN: [500, "route '{route}' has no parameter '{name}'"],
  ARMATURE_READ_ONLY: [500, '{what} cannot be changed'],
  ARMATURE_REDIRECT_INVALID: [500, 'redirect: {why}'],
  ARMATURE_RESPONSE_REUSED: [500, 'this response was already sent; use .clone() or fixed()'],
  ARMATURE_RESPONSE_TYPE: [500, '{what} cannot be sent as {where}'],
  ARMATURE_SECRETS_MISSING: [500, 'signed cookies need App.new({ secrets: [current, ...older] })'],
  ARMATURE_SSE_INVALID: [500, 'a server-sent event cannot be sent: {why}'],
  ARMATURE_STATUS_INVALID: [500, 'status {status} is not {allowed}'],
  ARMATURE_STORE_BUSY: [503, '{what}: {limit} is the most; raise {option}, or ask less at once'],
  ARMATURE_TOPIC_LIMIT: [500, 'no more topics: {limit} is reached; unsubscribe, or raise it'],
  ARMATURE_VALUE_TOO_LARGE: [500, 'a value of {bytes} bytes is larger than maxEntry, {limit} bytes'],

  // Requests that cannot be served
  ARMATURE_BAD_REQUEST: [400, 'the request is malformed'],
  ARMATURE_BODY_ABORTED: [400, 'the client left before the body was complete'],
  ARMATURE_BODY_EMPTY: [400, 'the body is empty'],
  ARMATURE_BODY_FAILED: [500, 'the producer of the body failed'],
  ARMATURE_BODY_MALFORMED: [400, 'the framing or the coding of the body is malformed'],
  ARMATURE_BODY_TIMEOUT: [408, 'the body stopped arriving'],
  ARMATURE_BODY_TOO_LARGE: [413, 'the body is larger than the {limit} bytes that this route accepts'],
  ARMATURE_CLIENT_GONE: [500, 'the client left before the response was complete'],
  ARMATURE_CODING_UNSUPPORTED: [
    415,
    'the content coding of the body is not accepted; see the Accept-Encoding header',
  ],
  ARMATURE_EXPECTATION_FAILED: [417, 'the only expectation that is met is 100-continue'],
  ARMATURE_FORBIDDEN: [403, 'this may not be read'],
  ARMATURE_FORM_INVALID: [400, 'the form is malformed: {why}'],
  ARMATURE_HANDLER_TIMEOUT: [503, 'the handler did not answer in time'],
  ARMATURE_HEADERS_TOO_LARGE: [431, 'the request head is larger than the server accepts'],
  ARMATURE_INTERNAL: [500, 'the server failed to answer'],
  ARMATURE_JSON_INVALID: [400, 'the body is not valid JSON: {why}'],
  ARMATURE_LENGTH_REQUIRED: [411, 'the request needs a Content-Length'],
  ARMATURE_MEDIA_TYPE: [415, "the content type '{type}' is not accepted here: {allowed}"],
  ARMATURE_METHOD_NOT_ALLOWED: [405, 'this path does not accept the method; see the Allow header'],
  ARMATURE_NOT_CACHED: [504, 'the request asks for a stored answer only, and there is none'],
  ARMATURE_NOT_FOUND: [404, 'nothing is served at this path'],
  ARMATURE_NOT_IMPLEMENTED: [501, 'the server does not implement {what}'],
  ARMATURE_ORIGIN_FORBIDDEN: [403, 'pages of this origin may not connect'],
  ARMATURE_OVERLOADED: [503, 'the server is at its limit; try again later'],
  ARMATURE_PRECONDITION_FAILED: [412, 'what the request expects of the resource does not hold any more'],
  ARMATURE_RANGE_INVALID: [
    416,
    'the file has none of the bytes that the request asks for; see the Content-Range header',
  ],
  ARMATURE_RATE_LIMITED: [429, 'too many requests; see the Retry-After header'],
  ARMATURE_REQUEST_TIMEOUT: [408, 'the request head took too long to arrive'],
  ARMATURE_STREAM_CLOSED: [500, 'nobody receives this stream any more'],
  ARMATURE_STORE_UNAVAILABLE: [503, 'what is needed to serve the request cannot be reached; try again'],
  ARMATURE_UPGRADE_REQUIRED: [426, 'this path speaks another protocol; see the Upgrade header'],
  ARMATURE_URI_TOO_LONG: [414, 'the request target is longer than the server accepts'],
  ARMATURE_VERSION_NOT_SUPPORTED: [505, 'the connection speaks another version of HTTP'],
  ARMATURE_WEBSOCKET_HANDSHAKE: [400, 'the request needs one Sec-WebSocket-Key of 16 bytes'],
  ARMATURE_WORKER_LOST: [503, 'the thread that handled the request ended'],
} as const satisfies Record<`ARMATURE_${string}`, readonly [status: number | null, message: string]>

/** The stable `code` of every error that the framework makes; each has a row in the error reference. */
export type ArmatureErrorCode = keyof typeof errorTable

/**
 * What fills the message of an error: values for the placeholders of its template, or the whole message.
 *
 * @internal
 */
export type ErrorDetails = string | Readonly<Record<string, string | number>>

/** @internal */
export const ERROR_BRAND = Symbol.for('armature.error')

/**
 * An error of the framework. Test `code`, never `message`: codes are stable, messages are not.
 *
 * Thrown for mistakes in handlers and for what fails while a server runs; mistakes in the arguments of a call are a
 * `TypeError` with the same kind of `code`, and requests that cannot be served are an `HttpError`.
 *
 * @example
 * try {
 *   await app.run(80)
 * } catch (error) {
 *   if (error instanceof ArmatureError && error.code === 'ARMATURE_LISTEN') console.error(error.message)
 * }
 */
export class ArmatureError extends Error {
  static {
    Object.defineProperty(ArmatureError.prototype, 'name', {
      value: 'ArmatureError',
      configurable: true,
      writable: true,
    })
    Object.defineProperty(ArmatureError.prototype, ERROR_BRAND, { value: true })
  }

  /** Stable name of the error. */
  readonly code: ArmatureErrorCode
  /** HTTP status of the answer when this error ends a request; `undefined` for errors outside requests. */
  readonly status: number | undefined

  /**
   * @param code a code of the error reference
   * @param details the message, or values for the placeholders of the code's own message
   * @param options `cause`: the error behind this one
   */
  constructor(
    code: ArmatureErrorCode,
    details?: string | Readonly<Record<string, string | number>>,
    options?: ErrorOptions,
  ) {
    super(errorMessage(code, details), options)
    this.code = code
    this.status = errorTable[code][0] ?? undefined
  }
}

/**
 * A `TypeError` with a stable code, for wrong arguments.
 *
 * @internal
 */
export function typeError(
  code: ArmatureErrorCode,
  details?: ErrorDetails,
): TypeError & { code: ArmatureErrorCode } {
  const error = Object.assign(new TypeError(errorMessage(code, details)), { code })
  Error.captureStackTrace(error, typeError)
  return error
}

/** @internal */
export function errorMessage(code: ArmatureErrorCode, details: ErrorDetails = {}): string {
  if (typeof details === 'string') return details
  return errorTable[code][1].replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? 'unknown'))
}

/** @internal Whether a string from Rust is one of our codes. */
export function isErrorCode(code: string): code is ArmatureErrorCode {
  return Object.hasOwn(errorTable, code)
}

/** @internal Has the marker `symbol`: also true for objects of another copy of this package in the same process. */
export function isBranded(value: unknown, symbol: symbol): boolean {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[symbol] === true
}

/** @internal An Error of any realm: test runners and `vm` have several. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value)
}

/** @internal Names a value in a message without printing what is in it. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'function') return value.name === '' ? 'a function' : `function ${value.name}`
  if (typeof value !== 'object') return `a ${typeof value}`
  const name: unknown = value.constructor?.name
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object'
}
