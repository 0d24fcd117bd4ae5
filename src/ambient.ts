import type { AsyncLocalStorage } from 'node:async_hooks'
import type { HttpRequest } from './request.js'

/**
 * Where the request of a context is kept, once `@armature/core/context` was loaded: keeping it makes every promise of the
 * process more expensive, so nobody pays who does not ask.
 *
 * @internal
 */
export const ambient: { storage: AsyncLocalStorage<HttpRequest> | null } = { storage: null }
