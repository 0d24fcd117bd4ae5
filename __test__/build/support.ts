import { expect } from 'vitest'
import { HttpRequest } from '../../dist/request.js'
import type { CompiledHandler } from '../../src/plan.js'

/** A request that no server received, for handlers that look at its path at most. */
export function request(handler?: Partial<CompiledHandler>): HttpRequest {
  const scope = { parent: null, data: new Map(), onError: [] }
  const source = {
    method: 'GET',
    path: '/',
    search: '',
    handler: { pattern: '/', paramNames: [], scope, ...handler },
  }
  return new (HttpRequest as unknown as new (...args: unknown[]) => HttpRequest)(source, [])
}

/** Runs `fn`, which must throw, and gives what it threw. */
export function thrown(fn: () => unknown): Error & { code?: string } {
  try {
    fn()
  } catch (error) {
    return error as Error
  }
  return expect.unreachable('nothing was thrown')
}
