import { publishError } from './diagnostics.js'
import type { AnyMiddleware } from './middleware.js'
import type { ScopeRuntime } from './plan.js'
import type { HttpRequest } from './request.js'
import { toResponse } from './responder.js'
import type { HttpResponse } from './response.js'

/** @internal */
export type ErrorHandler = ScopeRuntime['onError'][number]

const boundaries = new WeakSet<AnyMiddleware>()

/**
 * Asks `handlers` in order; `undefined` passes the error on, a throw passes the new one. Rejects with what is left when
 * none answers.
 *
 * @internal
 */
export async function askErrorHandlers(
  thrown: unknown,
  req: HttpRequest,
  handlers: readonly ErrorHandler[],
): Promise<HttpResponse> {
  let error = thrown
  for (const handler of handlers) {
    try {
      const value = await handler(error, req)
      if (value !== undefined) return await toResponse(value, req)
    } catch (next) {
      error = next
    }
  }
  throw error
}

/**
 * The edge of a scope that has `onError` handlers and stands inside middleware of another: what is thrown within becomes
 * an answer here, so that the middleware around the scope sees the answer, and the scope never hears of errors outside.
 *
 * @internal
 */
export function errorBoundary(handlers: readonly ErrorHandler[]): AnyMiddleware {
  const boundary = async (req: HttpRequest, next: () => Promise<HttpResponse>): Promise<HttpResponse> => {
    try {
      return await next()
    } catch (error) {
      let left: unknown
      try {
        return await askErrorHandlers(error, req, handlers)
      } catch (thrown) {
        left = thrown
        throw thrown
      } finally {
        // What nobody answers here goes on, and is published where it arrives.
        if (left !== error) publishError(error, req)
      }
    }
  }
  boundaries.add(boundary as AnyMiddleware)
  return boundary as AnyMiddleware
}

/** @internal Whether a middleware is an edge, which nobody declared and which changes no answer of a native handler. */
export function isBoundary(middleware: AnyMiddleware): boolean {
  return boundaries.has(middleware)
}
