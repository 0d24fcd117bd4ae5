// Generated from the option structs of crates/armature-core. Do not edit; after a change there run
// UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types
import type { Duration, LogOutput, Size } from './config.js'

/** Options of the CORS layer. */
export interface CorsOptions {
  /** Origins that may read answers: `'*'`, or a list such as `['https://app.example.com']`. Default: none. */
  origins?: Origins | undefined
  /** Methods that a preflight allows. Default `GET, HEAD, POST, PUT, PATCH, DELETE`. */
  methods?: readonly string[] | undefined
  /** Request headers that a preflight allows. Default: those that the preflight asks for. */
  headers?: readonly string[] | undefined
  /** Response headers that scripts may read besides the safelisted ones. Default: none. */
  exposeHeaders?: readonly string[] | undefined
  /** Whether requests may carry cookies and other credentials. Not with `origins: '*'`. Default `false`. */
  credentials?: boolean | undefined
  /** How long a browser may remember a preflight. Default: the browser's own choice. */
  maxAge?: Duration | undefined
}

/** `'*'`, or a list of exact origins. */
export type Origins = '*' | readonly string[]

/** Options of the access log. */
export interface LoggerOptions {
  /** Form of a line. Default: that of the application's `log`. */
  format?: LogFormat | undefined
  /** Where lines go: `'stdout'`, `'stderr'` or a file. Default: where the application's `log` goes. */
  output?: LogOutput | undefined
  /** Bytes that may wait for the output. Lines beyond it are dropped and counted. Default: that of the application's `log`. */
  queue?: Size | undefined
  /** Path prefixes that are not logged, such as `'/healthz'`. Default: none. */
  skip?: readonly string[] | undefined
  /** The share of requests that is logged, from 0 to 1. Answers from 500 on and slow ones are logged in any case. Default 1. */
  sample?: number | undefined
  /** From when on an answer is slow for `sample`. Default 1s. */
  slow?: Duration | undefined
  /** What else a line says of the request; only for `'json'` and `'dev'`. Default: nothing. */
  fields?: readonly LogField[] | undefined
  /** Names of request headers that a line has; only for `'json'` and `'dev'`. Default: none. */
  headers?: readonly string[] | undefined
  /** Names of response headers that a line has; only for `'json'` and `'dev'`. Default: none. */
  responseHeaders?: readonly string[] | undefined
  /** What is replaced by `[redacted]`. */
  redact?: RedactOptions | undefined
}

/** Form of a log line. */
export type LogFormat = 'dev' | 'json' | 'common' | 'combined'

/** What a line may say of a request besides what it always does. */
export type LogField = 'route' | 'host' | 'protocol' | 'scheme' | 'remoteAddress' | 'referrer' | 'userAgent'

/** What an access log does not show. */
export interface RedactOptions {
  /** Names of headers. Default `authorization`, `cookie`, `proxy-authorization` and `set-cookie`; an empty list shows these. */
  headers?: readonly string[] | undefined
  /** Names of query parameters, in any case, of the target and of the referrer. Default: none. */
  query?: readonly string[] | undefined
}

/** Options of the request-id layer. */
export interface RequestIdOptions {
  /** Response header that carries the id, and request header that is read with `trust`. Default `x-request-id`. */
  header?: string | undefined
  /**
   * Takes over the id of the request, when it has one of at most 128 visible ASCII characters. Only for servers that
   * nobody but a proxy can reach. Default `false`.
   */
  trust?: boolean | undefined
}
