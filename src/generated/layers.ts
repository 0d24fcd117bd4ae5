// Generated from the option structs of crates/armature-core. Do not edit; after a change there run
// UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types
import type { Duration, LogOutput, Size } from './config.js'

/** Options of the body-limit layer. */
export interface BodyLimitOptions {
  /**
   * Replaces `limits.body`, also by more: largest request body, also when it is streamed. Beyond it the answer is 413.
   * From 1b to 1tb, by default 1mb.
   */
  max?: Size | undefined
}

/** Options of the cache. */
export interface CacheOptions {
  /** Memory for answers, of all IO loops together. From 64kb to 1tb, by default 64mb. */
  size?: Size | undefined
  /** Largest content of one answer; larger ones are not stored. From 0b to `size`, 1gb at most, by default 1mb. */
  maxEntry?: Size | undefined
  /**
   * For how long answers are fresh that do not say it, with the statuses that may be stored then. Up to `'8760h'`, by default 0:
   * they are not stored.
   */
  ttl?: Duration | undefined
  /**
   * For how long beyond its lifetime an answer is given while a new one is fetched, where it does not say so itself. Up to
   * `'8760h'`, by default 0.
   */
  staleWhileRevalidate?: Duration | undefined
  /**
   * For how long beyond its lifetime an answer is given in the place of a 500, 502, 503 or 504, where it does not say so itself.
   * Up to `'8760h'`, by default 0.
   */
  staleIfError?: Duration | undefined
  /** The part of the query that makes a difference. Default `'keep'`: all of it, as it was sent. */
  query?: CacheQuery | undefined
  /**
   * Fields of requests that make a difference. With `authorization` or `cookie` among them, requests that have these are stored
   * as well. Default: none.
   */
  keyHeaders?: readonly string[] | undefined
  /** What becomes of answers with `Set-Cookie`. Default `'skip'`. */
  setCookie?: CacheSetCookie | undefined
  /** Whether `Cache-Control` of requests is followed. Default `true`; with `false` clients cannot ask for new answers. */
  clientControl?: boolean | undefined
  /** The field by which answers name their tags. Default `'cache-tag'`. */
  tagHeader?: string | undefined
  /** Whether clients see that field. Default `false`. */
  sendTags?: boolean | undefined
  /** Whether answers say in `Cache-Status` (RFC 9211) where they come from. Default `true`. */
  status?: boolean | undefined
  /** Whether requests for the same thing wait for the first of them. Default `true`. */
  coalesce?: boolean | undefined
  /** How long they wait, at most; then they go on by themselves. From 1ms to 10m, by default 5s. */
  maxWait?: Duration | undefined
  /** How many wait for one, at most; further ones go on by themselves. From 1 to 1000000, by default 1000. */
  maxWaiting?: number | undefined
  /**
   * New answers that one IO loop fetches in the background at the same time; where there are more, the next request that comes
   * for one tries again. From 1 to 100000, by default 64.
   */
  background?: number | undefined
  /** Keeps answers in Redis as well, for all processes together. Default: in the memory of this process alone. */
  redis?: RedisOptions | undefined
  /** Keeps answers in a folder as well, where they outlive the process: its path, or options. Default: nothing outlives it. */
  disk?: string | DiskOptions | undefined
  /** What the names of keys in Redis begin with. Default `'armature:cache:'`. */
  prefix?: string | undefined
  /**
   * What the cache is called in Redis and in the folder: letters, digits, `-`, `_` and `.`, 64 at most. Caches with one name share
   * their answers. Default `'default'`.
   */
  name?: string | undefined
  /** How often Redis is asked what other processes purged. From 10ms to 1m, by default 200ms. */
  sync?: Duration | undefined
  /** Allows the cache inside JavaScript middleware, which is then skipped for what it answers. Default `false`. */
  beforeJs?: boolean | undefined
}

/** The part of a query that makes a difference: all of it, nothing, or parameters by name. */
export type CacheQuery = 'keep' | 'ignore' | { only: readonly string[] } | { except: readonly string[] }

/** What becomes of answers with `Set-Cookie`: they are not stored, are stored without it, or are stored with it. */
export type CacheSetCookie = 'skip' | 'strip' | 'store'

/** Options of the compression layer. */
export interface CompressOptions {
  /** Codings that are offered, the best first: of those that a client likes equally it decides. Default `['zstd', 'br', 'gzip']`. */
  codings?: readonly Coding[] | undefined
  /** Smallest body that is compressed; streams of unknown size always are. Up to 16mb, by default 1kb. */
  minSize?: Size | undefined
  /** Types of content that are compressed, such as `'application/json'` or `'text/*'`; patterns of suffixes are on the page of the layer. Default: text of all kinds. */
  types?: readonly string[] | undefined
  /** How hard each coding tries. */
  levels?: CompressionLevels | undefined
  /** Most bodies that one IO loop compresses at the same time; further ones are sent as they are. From 1 to 100000, by default 256. */
  concurrent?: number | undefined
}

/** A content coding that answers can have. */
export type Coding = 'zstd' | 'br' | 'gzip'

/** How hard a coding tries: more is smaller and slower. */
export interface CompressionLevels {
  /** From 1 to 19, by default 3. */
  zstd?: number | undefined
  /** From 0 to 11, by default 4. */
  br?: number | undefined
  /** From 1 to 9, by default 6. */
  gzip?: number | undefined
}

/** Options of the concurrency limit. */
export interface ConcurrencyLimitOptions {
  /**
   * Most requests at the same time, on all IO loops together: from before the handler is asked until the answer is sent.
   * From 1 to 10000000, by default 1000.
   */
  max?: number | undefined
  /**
   * Most requests that wait for a place, first come first served; further ones are answered 503. From 0 to 1000000, by
   * default 0.
   */
  queue?: number | undefined
  /** How long a request may wait. Beyond it the answer is 503. From 1ms to 24h, by default 10s. */
  queueTimeout?: Duration | undefined
}

/** Options of the CORS layer. */
export interface CorsOptions {
  /**
   * Origins that may read answers: `'*'`, or a list such as `['https://app.example.com', 'https://*.example.com']`.
   * Default: none.
   */
  origins?: Origins | undefined
  /** Methods that a preflight allows; `['*']` are all, without credentials. Default `GET, HEAD, POST, PUT, PATCH, DELETE`. */
  methods?: readonly string[] | undefined
  /**
   * Request headers that a preflight allows; `['*']` are all but `Authorization`, without credentials. Default: those that
   * the preflight asks for.
   */
  headers?: readonly string[] | undefined
  /** Response headers that scripts may read besides the safelisted ones; `['*']` are all, without credentials. Default: none. */
  exposeHeaders?: readonly string[] | undefined
  /** Whether requests may carry cookies and other credentials. Not with `origins: '*'`. Default `false`. */
  credentials?: boolean | undefined
  /** How long a browser may remember a preflight. Default: the browser's own choice. */
  maxAge?: Duration | undefined
  /** Whether pages of public networks may reach this server when it is in a private one. Default `false`. */
  privateNetwork?: boolean | undefined
}

/**
 * `'*'`, or a list of origins. One with `*` is a pattern: `https://*.example.com` are all names below `example.com`,
 * `https://app-*.example.com` those whose first label begins with `app-`, and `http://localhost:*` any port.
 */
export type Origins = '*' | readonly string[]

/** Options of the decompression layer. */
export interface DecompressOptions {
  /** Codings that are undone; others are answered 415. Default `['gzip', 'deflate', 'br', 'zstd']`. */
  codings?: readonly ContentCoding[] | undefined
  /**
   * Largest body when it is decompressed. From 1b to 1tb, by default what `limits.body` of the route says, which counts for the
   * compressed bytes in any case. Beyond it the answer is 413.
   */
  maxSize?: Size | undefined
  /** Most bytes that one byte may become, from the first 64kb on. From 2 to 10000, by default 100. Beyond it the answer is 413. */
  maxRatio?: number | undefined
  /** Most bodies that one IO loop decompresses at the same time. From 1 to 100000, by default 64. Beyond it the answer is 503. */
  concurrent?: number | undefined
}

/** A content coding that requests may have. */
export type ContentCoding = 'gzip' | 'deflate' | 'br' | 'zstd'

/** A folder for answers, which outlive the process there. It belongs to one process at a time. */
export interface DiskOptions {
  /** The folder. It is made when there is none; only its owner may be able to write there. */
  path: string
  /** What the files may take, counted in blocks of 4kb. From 1mb to 16tb, by default 1gb. */
  maxBytes?: Size | undefined
  /** Most bytes of answers that may wait to be written; more are not written. From 64kb to 1gb, by default 16mb. */
  queue?: Size | undefined
  /** How long a request waits for the disk, at most. From 1ms to 60s, by default 500ms. */
  timeout?: Duration | undefined
}

/** Options of the ETag layer. */
export interface ETagOptions {
  /** Whether tags are weak: `W/"…"`, which says that the content means the same, not that each byte is. Default `false`. */
  weak?: boolean | undefined
  /** Largest body that gets a tag; larger ones and streams have the one that their handler sets. From 1b to 16mb, by default 1mb. */
  maxSize?: Size | undefined
}

/** Options of the health layer. */
export interface HealthOptions {
  /** Path of the liveness probe: whether the process works. Default `/healthz`. */
  liveness?: string | undefined
  /** Path of the readiness probe: whether requests should be sent here. Default `/readyz`. */
  readiness?: string | undefined
  /** Whether answers name the checks, with the state of each. Default `false`. */
  details?: boolean | undefined
  /** Says that it is meant when the layer is declared inside JavaScript middleware: the probes do not pass it. Default `false`. */
  beforeJs?: boolean | undefined
}

/** Options of one check. */
export interface HealthCheckOptions {
  /** Time between the end of one run and the begin of the next. From 1ms to 24h, by default 10s. */
  interval?: Duration | undefined
  /** How long a run may take; it has failed then. From 1ms to 24h, by default 5s. */
  timeout?: Duration | undefined
  /** What fails when it fails. Default `readiness`. */
  probe?: HealthProbe | undefined
}

/** What is asked. */
export type HealthProbe = 'liveness' | 'readiness'

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

/** Options of the rate limit. */
export interface RateLimitOptions {
  /** What a key may take in a `window`: as many requests, when each costs 1. From 1 to 1000000, by default 1000. */
  limit?: number | undefined
  /** Whole seconds, from 1s to 24h. Default 1m. */
  window?: Duration | undefined
  /** How it is counted. Default `'token-bucket'`. */
  algorithm?: RateLimitAlgorithm | undefined
  /** Most tokens that are there at once, of `'token-bucket'`. From 1 to 1000000, and to 100 times `limit`, which is the default. */
  burst?: number | undefined
  /** What has a limit of its own. Default `'ip'`. */
  key?: RateLimitKey | undefined
  /** Bits of an IPv6 address that tell clients apart; whoever has one address has a whole network of them. From 1 to 128, by default 64. */
  ipv6Prefix?: number | undefined
  /** What a request takes. From 0, which is not counted, to `limit` or `burst`. Default 1. */
  cost?: number | undefined
  /** What requests of single routes take instead, such as `{ 'POST /login': 20, '/search': 5 }`. */
  costs?: Readonly<Record<string, number>> | undefined
  /** Fields that tell a client what is left. Default `'draft'`. */
  headers?: false | 'draft' | 'legacy' | undefined
  /** What the policy is called in `RateLimit-Policy`, and in Redis: letters, digits, `-`, `_` and `.`, 64 at most. Default `'default'`. */
  name?: string | undefined
  /** Keys that are counted in memory, 24 bytes each. From 1 to 100000000, by default 100000. Not with `redis`. */
  capacity?: number | undefined
  /** Counts in Redis, for all processes together. Default: in the memory of this process. */
  redis?: RedisOptions | undefined
  /** What the names of keys in Redis begin with. Default `'armature:rate:'`. */
  prefix?: string | undefined
  /** What becomes of requests when Redis does not answer: `'open'` lets them pass without being counted, `'closed'` answers 503. Default `'open'`. */
  failure?: RateLimitFailure | undefined
}

/** How requests are counted. */
export type RateLimitAlgorithm = 'token-bucket' | 'sliding-window'

/** What becomes of requests that cannot be counted. */
export type RateLimitFailure = 'open' | 'closed'

/** What has a limit of its own: one thing, or what several together are. */
export type RateLimitKey = RateLimitKeyPart | readonly RateLimitKeyPart[]

/** One of the things that a key is made of. */
export type RateLimitKeyPart = 'ip' | 'route' | { readonly header: string } | { readonly cookie: string } | { readonly value: string }

/** A Redis, or what speaks its protocol. Layers with the same options share one connection. */
export interface RedisOptions {
  /**
   * Where it is: `redis://[user:password@]host[:port][/database]`, `rediss://` for the same over TLS, or
   * `unix:///path/of/socket` with `?db=`, `?user=` and `?pass=`.
   */
  url: string
  /** How long a command may take from when it is sent, and how long connecting may take. From 1ms to 60s, by default 500ms. */
  timeout?: Duration | undefined
  /** Most commands that may wait for their answers; more fail at once. From 1 to 1000000, by default 10000. */
  queue?: number | undefined
  /** Most bytes of commands that may wait for their answers; more fail at once. From 1kb to 4gb, by default 16mb. */
  queueSize?: Size | undefined
  /**
   * Who signs the server's certificate, with `rediss://`: PEM, as the path of a file, text or a Buffer. By default those whom
   * the system trusts.
   */
  ca?: string | Uint8Array | undefined
  /**
   * The certificate by which the server knows its client, with its chain, as `ca`; with `rediss://` and `key` only. By default
   * none.
   */
  cert?: string | Uint8Array | undefined
  /** The key of `cert`. */
  key?: string | Uint8Array | undefined
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

/** Options of the security headers. Each is a field that can be changed, or turned off with `false`. */
export interface SecurityHeadersOptions {
  /** `Content-Security-Policy`. Default: own scripts, styles and images only; see the page of the layer. */
  contentSecurityPolicy?: false | CspOptions | undefined
  /** `Cross-Origin-Embedder-Policy`. Default `false`. */
  crossOriginEmbedderPolicy?: false | 'require-corp' | 'credentialless' | 'unsafe-none' | undefined
  /** `Cross-Origin-Opener-Policy`. Default `'same-origin'`. */
  crossOriginOpenerPolicy?: false | 'same-origin' | 'same-origin-allow-popups' | 'noopener-allow-popups' | 'unsafe-none' | undefined
  /** `Cross-Origin-Resource-Policy`. Default `'same-origin'`. */
  crossOriginResourcePolicy?: false | 'same-origin' | 'same-site' | 'cross-origin' | undefined
  /** `Origin-Agent-Cluster: ?1`. Default `true`. */
  originAgentCluster?: boolean | undefined
  /** `Referrer-Policy`: one policy, or several, of which a browser takes the last that it knows. Default `'no-referrer'`. */
  referrerPolicy?: false | string | readonly string[] | undefined
  /** `Strict-Transport-Security`, sent over TLS only. Default: 365 days, with subdomains. */
  strictTransportSecurity?: false | HstsOptions | undefined
  /** `X-Content-Type-Options: nosniff`. Default `true`. */
  xContentTypeOptions?: boolean | undefined
  /** `X-DNS-Prefetch-Control`. Default `'off'`. */
  xDnsPrefetchControl?: false | 'on' | 'off' | undefined
  /** `X-Download-Options: noopen`. Default `true`. */
  xDownloadOptions?: boolean | undefined
  /** `X-Frame-Options`. Default `'SAMEORIGIN'`. */
  xFrameOptions?: false | 'SAMEORIGIN' | 'DENY' | undefined
  /** `X-Permitted-Cross-Domain-Policies`. Default `'none'`. */
  xPermittedCrossDomainPolicies?: false | 'none' | 'master-only' | 'by-content-type' | 'all' | undefined
  /** `X-XSS-Protection: 0`, which turns off a filter of old browsers that did harm. Default `true`. */
  xXssProtection?: boolean | undefined
}

/** The Content-Security-Policy of the security headers. */
export interface CspOptions {
  /**
   * Sources by directive, such as `{ 'script-src': ["'self'", "'nonce'"] }`, instead of the default ones of these directives;
   * `scriptSrc` is the same. An empty list is a directive without a value, `false` leaves it out. `"'nonce'"` stands for a nonce
   * that is new with each request: `req.cspNonce`.
   */
  directives?: Readonly<Record<string, readonly string[] | false>> | undefined
  /** Whether directives that are not named have their defaults. Default `true`. */
  useDefaults?: boolean | undefined
  /** Sends the policy as `Content-Security-Policy-Report-Only`: violations are reported, nothing is blocked. Default `false`. */
  reportOnly?: boolean | undefined
}

/** How long browsers use nothing but TLS for this host. */
export interface HstsOptions {
  /** For how long, in whole seconds. Default `'8760h'`, which are 365 days. */
  maxAge?: Duration | undefined
  /** Whether subdomains are meant too. Default `true`. */
  includeSubDomains?: boolean | undefined
  /** Agrees to be in the lists that browsers come with, which is hard to take back; needs 365 days and subdomains. Default `false`. */
  preload?: boolean | undefined
}

/** Options of the timeout layer. */
export interface TimeoutLayerOptions {
  /**
   * Replaces `timeouts.handler`: from dispatch to the head of the answer, not counting waits for the client's body. Beyond
   * it the answer is 503. From 1ms to 24h, by default 30s.
   */
  handler?: Duration | undefined
}
