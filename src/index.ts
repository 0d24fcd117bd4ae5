/**
 * A Node.js web framework whose HTTP engine is Rust.
 *
 * @packageDocumentation
 */
import './node-version.js'

export { App } from './app.js'
export type { CookieOptions, ResponseCookieOptions } from './cookies.js'
export { type DataKey, type Key, key } from './data.js'
export type { RequestErrorMessage, RequestFinishMessage, RequestStartMessage } from './diagnostics.js'
export { ArmatureError, type ArmatureErrorCode } from './errors.js'
export type { ExplainedLayer, Explanation } from './explain.js'
export type {
  AppOptions,
  Duration,
  Http3Options,
  LimitOptions,
  ListenerOptions,
  ListenOption,
  RunOptions,
  Size,
  TimeoutOptions,
  TlsCertificate,
  TlsOptions,
  TrailingSlash,
  WatchOptions,
  WorkerOptions,
} from './generated/config.js'
export type {
  CorsOptions,
  LogFormat,
  LoggerOptions,
  LogOutput,
  Origins,
  RequestIdOptions,
} from './generated/layers.js'
export type { HeadersInput, RequestHeaders, ResponseHeaders } from './headers.js'
export { HttpError, type HttpErrorOptions, type RetryOptions } from './http-error.js'
export type { InjectOptions } from './inject.js'
export { Cors } from './layers/cors.js'
export type { NativeLayer } from './layers/layer.js'
export { Logger } from './layers/logger.js'
export { RequestId } from './layers/request-id.js'
export type { Locals } from './locals.js'
export { any, del, get, head, MethodRouter, on, options, patch, post, put } from './method-router.js'
export { type Layer, type Middleware, middleware, type Next } from './middleware.js'
export { fromConnect, openapi, rpc, serve, ws } from './not-available.js'
export type { Params } from './paths.js'
export type { Query } from './query.js'
export { HttpRequest } from './request.js'
export type { Responder } from './responder.js'
export {
  type CreatedOptions,
  type FileOptions,
  HttpResponse,
  type RedirectStatus,
  type ResponseInit,
  type StreamOptions,
} from './response.js'
export { Router } from './router.js'
export { type FixedHandler, fixed, type Handler, type RouteHandler, type RouteOptions } from './routes.js'
export { Scope, scope } from './scope.js'
export { type CloseOptions, Server } from './server.js'
export type { LaneStats, RefusedStats, ServerStats, ShedStats, SlotStats, TlsStats } from './stats.js'
export type { StreamChunk, StreamSource, StreamWriter } from './stream.js'
export type { RequestTls } from './tls.js'
export { isPrimary } from './workers/link.js'
