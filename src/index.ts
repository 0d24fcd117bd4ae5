/**
 * A Node.js web framework whose HTTP engine is Rust.
 *
 * @packageDocumentation
 */
export { App } from './app.js'
export type { CookieOptions, ResponseCookieOptions } from './cookies.js'
export { type DataKey, type Key, key } from './data.js'
export { ArmatureError, type ArmatureErrorCode } from './errors.js'
export type { Explanation } from './explain.js'
export type { AppOptions, RunOptions } from './generated/config.js'
export type { RequestHeaders, ResponseHeaders } from './headers.js'
export { HttpError } from './http-error.js'
export type { InjectOptions } from './inject.js'
export { Cors } from './layers/cors.js'
export { Logger } from './layers/logger.js'
export { RequestId } from './layers/request-id.js'
export type { Locals } from './locals.js'
export { any, del, get, head, MethodRouter, on, options, patch, post, put } from './method-router.js'
export { type Layer, type Middleware, middleware, type Next } from './middleware.js'
export type { Params } from './paths.js'
export { HttpRequest } from './request.js'
export type { Responder } from './responder.js'
export { HttpResponse } from './response.js'
export { Router } from './router.js'
export { fixed } from './routes.js'
export { Scope, scope } from './scope.js'
export { type CloseOptions, type LaneStats, Server, type ServerStats } from './server.js'
export type { StreamChunk, StreamSource, StreamWriter } from './stream.js'
