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
export type { SseEvent, SseOptions, SseSource } from './events.js'
export type { ExplainedLayer, Explanation } from './explain.js'
export { type FilesHandler, files } from './files.js'
export type {
  AcmeOptions,
  AppOptions,
  Duration,
  FileReadOptions,
  Http3Options,
  LimitOptions,
  ListenerOptions,
  ListenOption,
  LogFileOptions,
  LogLevel,
  LogOptions,
  LogOutput,
  LogPeriod,
  LogStyle,
  RunOptions,
  Size,
  SlowConsumer,
  TimeoutOptions,
  TlsCertificate,
  TlsOptions,
  TrailingSlash,
  WatchOptions,
  WebSocketDeflate,
  WebSocketLimits,
  WebSocketOptions,
  WebSocketOrigins,
  WebSocketTimeouts,
  WorkerOptions,
} from './generated/config.js'
export type { Dotfiles, FilesOptions, Symlinks } from './generated/files.js'
export type {
  BodyLimitOptions,
  CacheOptions,
  CacheQuery,
  CacheSetCookie,
  Coding,
  CompressionLevels,
  CompressOptions,
  ConcurrencyLimitOptions,
  ContentCoding,
  CorsOptions,
  CspOptions,
  DecompressOptions,
  DiskOptions,
  ETagOptions,
  HealthCheckOptions,
  HealthOptions,
  HealthProbe,
  HstsOptions,
  LogField,
  LogFormat,
  LoggerOptions,
  Origins,
  RateLimitAlgorithm,
  RateLimitFailure,
  RateLimitKey,
  RateLimitKeyPart,
  RateLimitOptions,
  RedactOptions,
  RedisOptions,
  RequestIdOptions,
  SecurityHeadersOptions,
  TimeoutLayerOptions,
} from './generated/layers.js'
export type { KeyValueStoreOptions } from './generated/store.js'
export type { HeadersInput, RequestHeaders, ResponseHeaders } from './headers.js'
export { HttpError, type HttpErrorOptions, type RetryOptions } from './http-error.js'
export type { InjectOptions } from './inject.js'
export { BodyLimit } from './layers/body-limit.js'
export { Cache } from './layers/cache.js'
export { Compress } from './layers/compress.js'
export { ConcurrencyLimit } from './layers/concurrency-limit.js'
export { Cors } from './layers/cors.js'
export { Decompress } from './layers/decompress.js'
export { ETag } from './layers/etag.js'
export { Health, type HealthCheck } from './layers/health.js'
export type { NativeLayer } from './layers/layer.js'
export { Logger } from './layers/logger.js'
export { RateLimit } from './layers/rate-limit.js'
export { RequestId } from './layers/request-id.js'
export { SecurityHeaders } from './layers/security-headers.js'
export type {
  CacheDiskStats,
  CacheStats,
  ConcurrencyStats,
  CorsStats,
  HealthCheckStats,
  HealthStats,
  RateLimitStats,
} from './layers/stats.js'
export { Timeout } from './layers/timeout.js'
export type { Locals } from './locals.js'
export type { Log, LogLike, LogMethod } from './log/types.js'
export { any, del, get, head, MethodRouter, on, options, patch, post, put } from './method-router.js'
export { type Layer, type Middleware, middleware, type Next } from './middleware.js'
export { fromConnect, openapi, rpc, serve } from './not-available.js'
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
export { type PurgeTarget, ServerCache } from './server-cache.js'
export type {
  AcmeStats,
  FileStats,
  LaneStats,
  LogStats,
  RefusedStats,
  ServerStats,
  ShedStats,
  SlotStats,
  TlsStats,
  WebSocketStats,
} from './stats.js'
export {
  KeyValueStore,
  type StoreGetOptions,
  type StoreMoment,
  type StoreSetOptions,
  type StoreStats,
} from './store.js'
export type { StreamChunk, StreamSource, StreamWriter } from './stream.js'
export type { RequestTls } from './tls.js'
export { ws } from './websocket/declare.js'
export type { SocketData, WebSocketHandlers } from './websocket/route.js'
export { Socket } from './websocket/socket.js'
export { isPrimary } from './workers/link.js'
