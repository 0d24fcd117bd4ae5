// Generated from the option structs of crates/armature-core. Do not edit; after a change there run
// UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types
import type { Duration } from './config.js'

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
  /** Form of a line. Default `'json'` in production, `'dev'` otherwise. */
  format?: LogFormat | undefined
  /** Where lines go. Default `'stdout'`. */
  output?: LogOutput | undefined
  /** Path prefixes that are not logged, such as `'/healthz'`. Default: none. */
  skip?: readonly string[] | undefined
}

/** Form of a log line. */
export type LogFormat = 'dev' | 'json' | 'common' | 'combined'

/** Where log lines go. */
export type LogOutput = 'stdout' | 'stderr'

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
