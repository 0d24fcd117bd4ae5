/**
 * The request that is being handled, without passing it along.
 *
 * @packageDocumentation
 */
import './node-version.js'
import { AsyncLocalStorage } from 'node:async_hooks'
import { ambient } from './ambient.js'
import type { HttpRequest } from './request.js'

// A server that runs already sets it from its next request on.
ambient.storage ??= new AsyncLocalStorage()

/**
 * The request on whose behalf this code runs: in its middleware, handler and `onError`, in everything that they call and
 * await, in timers and streams that they begin. `undefined` anywhere else, and for requests that began before this module
 * was loaded.
 *
 * @example
 * const log = (message: string) => console.log(currentRequest()?.id ?? '-', message)
 */
export function currentRequest(): HttpRequest | undefined {
  return ambient.storage?.getStore()
}
