import { inspect } from 'node:util'
import type { HttpRequest } from '../request.js'

/**
 * Writes an error that nobody turned into an answer to stderr, with its stack, its causes and the id of the request.
 * Silent about the consequences of an abort: a handler that stops because `req.signal` told it to is no news.
 *
 * @internal
 */
export function logUnhandled(error: unknown, req: HttpRequest, what = 'failed'): void {
  const reason = req._abortReason
  if (reason !== undefined && (error === reason || causeOf(error) === reason)) return
  process.stderr.write(`[armature] ${req.method} ${req.path} ${what} (request ${req.id})\n${show(error)}\n`)
}

/** @internal The same for a handler of a WebSocket. */
export function logSocketFailure(error: unknown, route: string, what: string, id: string): void {
  process.stderr.write(`[armature] WebSocket ${route}: ${what} failed (request ${id})\n${show(error)}\n`)
}

// Anything can be thrown, also what throws when it is looked at.
function show(error: unknown): string {
  try {
    return inspect(error)
  } catch {
    return 'an error that cannot be shown'
  }
}

function causeOf(error: unknown): unknown {
  try {
    return (error as { cause?: unknown } | null)?.cause
  } catch {
    return undefined
  }
}
