import { inspect } from 'node:util'
import { isDevelopment } from './development.js'
import { publishError } from './diagnostics.js'
import { askErrorHandlers, type ErrorHandler } from './error-boundary.js'
import { errorTable, isError, isErrorCode } from './errors.js'
import { isHttpError, statusTitle } from './http-error.js'
import { logUnhandled } from './log/unhandled.js'
import type { ScopeRuntime } from './plan.js'
import type { HttpRequest } from './request.js'
import { HttpResponse } from './response.js'

/**
 * The answer to an error nobody handled, as a problem (RFC 9457). What an error says is shown to the client only when
 * it was made for the client; everything else is a 500 that names the request, so that the log can be searched.
 *
 * @internal
 */
export function errorToResponse(error: unknown, requestId: string): HttpResponse {
  const { status, detail, code, headers } = describe(error)
  const problem: Record<string, unknown> = { title: statusTitle(status), status }
  if (detail !== undefined) problem.detail = detail
  if (code !== undefined) problem.code = code
  problem.requestId = requestId
  if (status >= 500 && isDevelopment()) problem.stack = isError(error) ? error.stack : inspect(error)
  const res = HttpResponse._problem(status, problem)
  if (headers !== undefined) {
    for (let i = 0; i < headers.length; i += 2) res.append(headers[i] as string, headers[i + 1] as string)
  }
  return res
}

/**
 * Asks the `onError` handlers, nearest scope first; `undefined` passes the error outwards, a throw passes the new one.
 * Those that stand inside middleware were asked there; a `late` error, of a body that failed before its head had left,
 * passed none of it. When none answers, the error becomes a problem, and `unhandled` hears of it unless it is an `HttpError` that tells
 * the client everything.
 *
 * @internal
 */
export function resolveError(
  error: unknown,
  req: HttpRequest,
  scope: ScopeRuntime,
  unhandled: (error: unknown, req: HttpRequest) => void = logUnhandled,
  late = false,
): HttpResponse | Promise<HttpResponse> {
  const handlers = errorHandlers(scope, late)
  if (handlers.length === 0) return answer(error, req, unhandled)
  return askErrorHandlers(error, req, handlers).catch((left: unknown) => {
    if (left !== error) publishError(left, req)
    return answer(left, req, unhandled)
  })
}

function answer(
  error: unknown,
  req: HttpRequest,
  unhandled: (error: unknown, req: HttpRequest) => void,
): HttpResponse {
  if (describe(error).hides) unhandled(error, req)
  return errorToResponse(error, req.id)
}

function errorHandlers(scope: ScopeRuntime, late: boolean): ErrorHandler[] {
  const handlers: ErrorHandler[] = []
  for (let at: ScopeRuntime | null = scope; at !== null; at = at.parent)
    handlers.push(...((late ? at.insideOnError : undefined) ?? at.onError))
  return handlers
}

interface Description {
  status: number
  detail?: string | undefined
  code: string | undefined
  headers?: readonly string[]
  /** Whether the client does not see all of it, so that only the log can tell. */
  hides: boolean
}

function describe(error: unknown): Description {
  if (isHttpError(error)) {
    const { status, code, headers, expose } = error
    return {
      status,
      detail: expose ? error.detail : undefined,
      code,
      headers,
      hides: status >= 500 && !expose,
    }
  }
  const code = isError(error) && 'code' in error ? error.code : undefined
  if (typeof code !== 'string' || !isErrorCode(code))
    return { status: 500, code: 'ARMATURE_INTERNAL', hides: true }
  const status = errorTable[code][0] ?? 500
  return { status, detail: status < 500 ? (error as Error).message : undefined, code, hides: status >= 500 }
}
