import { STATUS_CODES } from 'node:http'
import { types } from 'node:util'
import {
  type ArmatureErrorCode,
  type ErrorDetails,
  errorMessage,
  errorTable,
  isBranded,
  typeError,
} from './errors.js'
import {
  checkHeaderName,
  checkHeaderValue,
  eachHeader,
  type HeaderList,
  type HeadersInput,
} from './headers.js'

/** @internal */
export const HTTP_ERROR_BRAND = Symbol.for('armature.httpError')

/** What an {@link HttpError} carries beside status and detail. */
export interface HttpErrorOptions {
  /** A name for programs, sent as the `code` member: `'email_taken'`. */
  code?: string | undefined
  /** The error behind this one; never sent, printed in the log. */
  cause?: unknown
  /** Headers of the answer, such as `www-authenticate`. */
  headers?: HeadersInput | undefined
  /** Whether `detail` is sent. Default: only when the status is below 500. */
  expose?: boolean | undefined
}

/** {@link HttpErrorOptions} of errors that tell the client when to try again. */
export interface RetryOptions {
  /** Sent as Retry-After (RFC 9110 section 10.2.3): seconds, or a point in time. */
  retryAfter?: number | Date | undefined
}

/**
 * An error with an HTTP status. Thrown anywhere in a handler or middleware it becomes an answer of type
 * `application/problem+json` (RFC 9457).
 *
 * @example
 * const user = await users.find(id)
 * if (user === undefined) throw HttpError.notFound(`no user ${id}`)
 * if (user.locked) throw new HttpError(423, 'the account is locked', { code: 'account_locked' })
 */
export class HttpError extends Error {
  static {
    Object.defineProperty(HttpError.prototype, 'name', {
      value: 'HttpError',
      configurable: true,
      writable: true,
    })
    Object.defineProperty(HttpError.prototype, HTTP_ERROR_BRAND, { value: true })
  }

  /** HTTP status, 400 to 599. */
  readonly status: number
  /** What went wrong, for the client; sent below status 500, or with `expose`. */
  readonly detail: string | undefined
  /** A name for programs, sent as the `code` member. */
  readonly code: string | undefined
  /** Whether `detail` is sent to the client. */
  readonly expose: boolean
  /** Headers of the answer, flat: name, value, name, value. */
  readonly headers: readonly string[]

  /**
   * @param status 400 to 599
   * @param detail what went wrong, one sentence for the client; default: none, the message is the title of the status
   * @throws TypeError `ARMATURE_STATUS_INVALID`, `ARMATURE_HEADER_INVALID`
   */
  constructor(status: number, detail?: string, options: HttpErrorOptions = {}) {
    super(detail ?? statusTitle(status), 'cause' in options ? { cause: options.cause } : undefined)
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw typeError('ARMATURE_STATUS_INVALID', { status, allowed: 'an error: 400 to 599' })
    }
    this.status = status
    this.detail = detail
    this.code = options.code
    this.expose = options.expose ?? status < 500
    this.headers = flatHeaders(options.headers)
  }

  /** 400: the request is wrong in a way that no other status names. */
  static badRequest(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(400, detail, options)
  }

  /** 401: it is unknown who asks. RFC 9110 section 11.6.1 requires a `www-authenticate` header: pass it in `headers`. */
  static unauthorized(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(401, detail, options)
  }

  /** 403: it is known who asks, and they may not. */
  static forbidden(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(403, detail, options)
  }

  /** 404: there is no such thing. */
  static notFound(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(404, detail, options)
  }

  /** 405: not with this method. RFC 9110 section 15.5.6 requires an `allow` header: pass it in `headers`. */
  static methodNotAllowed(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(405, detail, options)
  }

  /** 409: the state of the resource forbids it. */
  static conflict(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(409, detail, options)
  }

  /** 422: well-formed, but the content makes no sense. */
  static unprocessable(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(422, detail, options)
  }

  /** 429: too many requests; `retryAfter` says when to try again. */
  static tooManyRequests(detail?: string, options?: HttpErrorOptions & RetryOptions): HttpError {
    return new HttpError(429, detail, withRetryAfter(options))
  }

  /** 500: `detail` goes to the log only, unless `expose`. */
  static internalError(detail?: string, options?: HttpErrorOptions): HttpError {
    return new HttpError(500, detail, options)
  }

  /** 503: not now; `retryAfter` says when to try again. */
  static serviceUnavailable(detail?: string, options?: HttpErrorOptions & RetryOptions): HttpError {
    return new HttpError(503, detail, withRetryAfter(options))
  }
}

/** @internal */
export function isHttpError(value: unknown): value is HttpError {
  return isBranded(value, HTTP_ERROR_BRAND)
}

/** @internal A request that cannot be served, as the error that becomes its answer. */
export function requestError(code: ArmatureErrorCode, details?: ErrorDetails, cause?: unknown): HttpError {
  const options = cause === undefined ? { code } : { code, cause }
  return new HttpError(errorTable[code][0] ?? 500, errorMessage(code, details), options)
}

/** @internal The phrase of RFC 9110 for a status: the title of a problem without a type of its own (RFC 9457 4.2.1). */
export function statusTitle(status: number): string {
  return STATUS_CODES[status] ?? 'Error'
}

/** @internal A Retry-After value (RFC 9110 section 10.2.3). */
export function retryAfterValue(retryAfter: number | Date): string {
  if (types.isDate(retryAfter) && !Number.isNaN(retryAfter.getTime())) return retryAfter.toUTCString()
  if (typeof retryAfter === 'number' && retryAfter >= 0 && Number.isFinite(retryAfter)) {
    return String(Math.ceil(retryAfter))
  }
  throw typeError('ARMATURE_HEADER_INVALID', {
    name: 'retry-after',
    why: 'retryAfter is neither a number of seconds nor a valid Date',
  })
}

function withRetryAfter(
  options: (HttpErrorOptions & RetryOptions) | undefined,
): HttpErrorOptions | undefined {
  if (options?.retryAfter === undefined) return options
  const { retryAfter, ...rest } = options
  const headers: [string, string | number][] = [['retry-after', retryAfterValue(retryAfter)]]
  if (rest.headers !== undefined) eachHeader(rest.headers, (name, value) => headers.push([name, value]))
  return { ...rest, headers }
}

function flatHeaders(input: HeadersInput | undefined): HeaderList {
  const list: HeaderList = []
  if (input === undefined) return list
  eachHeader(input, (name, value) => list.push(checkHeaderName(name), checkHeaderValue(name, value)))
  return list
}
