// Generated from the option structs of crates/armature-core. Do not edit; after a change there run
// UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types
import type { LogLike } from '../log/types.js'

/** The options of an application, wherever it runs. */
export interface AppOptions {
  /**
   * What to do with a path that exists only with the other choice of trailing slash: `'strict'` answers
   * 404, `'redirect'` sends 308, `'ignore'` takes both for the same path. By default `'strict'`.
   */
  trailingSlash?: TrailingSlash | undefined
  /**
   * Addresses and networks (`'10.0.0.0/8'`, `'::1'`) of the proxies whose `Forwarded` and `X-Forwarded-*`
   * fields are believed. By default none.
   */
  trustProxy?: readonly string[] | undefined
  /**
   * Keys for signed cookies, each of at least 16 bytes: the first signs, all of them verify. By default
   * none.
   */
  secrets?: readonly string[] | undefined
  /** Bounds on what clients may send and on what is kept for them. */
  limits?: LimitOptions | undefined
  /** How long clients, handlers and a shutdown may take. */
  timeouts?: TimeoutOptions | undefined
  /** What `app.log` and `req.log` write, and where: options, a logger such as pino's, or `false` for nothing. */
  log?: boolean | LogOptions | LogLike | undefined
  /** What reading files may take. */
  files?: FileReadOptions | undefined
  /** Whether SIGTERM and SIGINT close the server. By default `true`. */
  signals?: boolean | undefined
  /** What this server is called, for workers that attach to it and in messages. */
  name?: string | undefined
  /** Whether each request is a resource of its own for `node:async_hooks`, named `ARMATURE_REQUEST`. By default `false`. */
  asyncResource?: boolean | undefined
}

/** All options: those of the application, and where and how it runs. */
export interface RunOptions extends AppOptions {
  /** Where to listen. By default the port in the environment variable `PORT`, else 3000. */
  listen?: ListenOption | undefined
  /**
   * Which threads own the connections: `'auto'`, `'inline'` (on the JavaScript thread)
   * or a number of threads of their own from 1 to 256. By default `'auto'`.
   */
  io?: 'auto' | 'inline' | number | undefined
  /** How many JavaScript threads serve, the main one counted; `'auto'` is one per core. By default 1. */
  workers?: number | 'auto' | WorkerOptions | undefined
  /** Whether new code is loaded when files change, without closing a connection: for development. By default `false`. */
  watch?: boolean | WatchOptions | undefined
}

/** What only `run()` takes: where and on which threads an application runs. */
export const RUN_ONLY = ['listen', 'io', 'workers', 'watch'] as const

/** Bounds on what clients may send and on what is kept for them. */
export interface LimitOptions {
  /**
   * Largest request body, also when it is streamed; a route may raise it. Beyond it the answer is 413.
   * From 1b to 1tb, by default 1mb.
   */
  body?: Size | undefined
  /**
   * Largest request head: the request line and all fields together. Beyond it the answer is 431.
   * From 1kb to 1mb, by default 16kb.
   */
  header?: Size | undefined
  /** Most header fields of a request. Beyond it the answer is 431. From 1 to 10000, by default 100. */
  headers?: number | undefined
  /**
   * Longest request target. Beyond it the answer is 414. From 64b to `header`, by default 8kb or `header`
   * if that is less.
   */
  url?: Size | undefined
  /** Most connections at the same time. From 1 to 10000000, by default 100000. */
  connections?: number | undefined
  /**
   * Most connections of one IP address at the same time; IPv6 addresses of one /64 network count as one, those
   * of `trustProxy` not at all. From 1 to 10000000, by default as many as there may be.
   */
  connectionsPerIp?: number | undefined
  /** Most requests at the same time. Beyond it the answer is 503. From 1 to 10000000, by default 10000. */
  inFlight?: number | undefined
  /**
   * Most requests of one connection that are handled at the same time, when a client sends the next before it has the
   * answer. Further ones wait unread. From 1 to 1000, by default 32.
   */
  pipeline?: number | undefined
  /**
   * Most requests at the same time of one connection that carries several (HTTP/2, HTTP/3). Further ones are refused
   * unread, and may be sent again, or wait. From 1 to 10000, by default 128.
   */
  streams?: number | undefined
  /**
   * Most requests of one HTTP/2 or HTTP/3 connection that are given up in ten seconds, by the client or because they break the
   * protocol. Beyond it the connection is closed. From 1 to 1000000, by default 500.
   */
  resets?: number | undefined
  /**
   * Most frames of one HTTP/2 or HTTP/3 connection in ten seconds that carry nothing - settings, pings, priorities, empty data, windows
   * beyond those of what was sent. Beyond it the connection is closed. From 10 to 1000000, by default 1000.
   */
  controlFrames?: number | undefined
  /**
   * Most requests that wait for one JavaScript thread. Beyond it the answer is 503. Half of it is for connections with less
   * than 16 others in progress. From 1 to 1000000, by default 4096.
   */
  queue?: number | undefined
  /**
   * How long a request may wait for one JavaScript thread. Beyond it that request, and every other one until it has
   * left the queue, is answered 503. From 1ms to 24h, by default 10s.
   */
  queueAge?: Duration | undefined
  /**
   * Bytes of a streamed response that are kept for a slow client before `write()` reports `false`.
   * From 1kb to 256mb, by default 64kb.
   */
  responseBuffer?: Size | undefined
  /**
   * Bytes of answers that may wait in memory for clients that are slow to read, of all connections together. Beyond it those
   * answers are given up that have waited longest for what they take. From 1mb to 1tb, by default 256mb.
   */
  unsent?: Size | undefined
  /**
   * Bytes of a streamed request body that are read ahead of the handler. From 1kb to 256mb, by default
   * 64kb.
   */
  requestBuffer?: Size | undefined
  /**
   * Most topics that WebSockets subscribe to at the same time. Beyond it `subscribe()` throws. From 1 to 10000000, by default
   * 100000.
   */
  topics?: number | undefined
  /** Longest name of such a topic, in UTF-8. Beyond it `subscribe()` throws. From 1b to 4kb, by default 256b. */
  topicName?: Size | undefined
  /**
   * Bytes of published messages that wait for one IO loop. Beyond it a message does not reach the WebSockets of that loop, which
   * is counted. From 64kb to 1gb, by default 64mb.
   */
  publishBuffer?: Size | undefined
}

/**
 * How long clients, handlers and a shutdown may take. Each is from 1ms to 24h; only `preDrain` and
 * `shutdown` may be 0.
 */
export interface TimeoutOptions {
  /** From accept (TLS included) to the end of the request head. By default 10s. */
  header?: Duration | undefined
  /** The longest gap without a byte of a request body. By default 30s. */
  body?: Duration | undefined
  /** The longest gap in which a client takes no byte of a response. By default 30s. */
  write?: Duration | undefined
  /**
   * How long a connection may be idle between requests; more than that of a proxy in front. By default
   * 75s.
   */
  idle?: Duration | undefined
  /**
   * From dispatch to the response head, not counting waits for the client's body. By default 30s; a route
   * may set its own.
   */
  handler?: Duration | undefined
  /** Between failing readiness and closing the listeners, for load balancers to notice. By default 0. */
  preDrain?: Duration | undefined
  /**
   * How long requests in flight may take to finish when the server closes; 0 cuts them off at once. By
   * default 10s.
   */
  shutdown?: Duration | undefined
}

/**
 * An address (`'host:port'`, `':port'`, `'[ipv6]:port'`, `'unix:/path'`, `'fd:3'`), a port, an object, or a
 * list of these.
 */
export type ListenOption = string | number | ListenerOptions | readonly (string | number | ListenerOptions)[]

/** One place to listen: `port` (and `host`), `path` (and `mode`), or `fd`. */
export interface ListenerOptions {
  /** TCP port; 0 lets the system choose. */
  port?: number | undefined
  /** IP address or name. By default 127.0.0.1, in production `::`, which takes IPv4 too. */
  host?: string | undefined
  /** Path of a Unix domain socket, instead of a port. */
  path?: string | undefined
  /** Permissions of the file at `path`: `'0660'`, or the number 0o660. By default what the umask leaves. */
  mode?: number | string | undefined
  /**
   * A listening socket that this process has inherited, by the number of its descriptor, instead of a port:
   * the first one that systemd passes is 3.
   */
  fd?: number | undefined
  /**
   * Who speaks the PROXY protocol here: a list of addresses and networks, or `true` for those of
   * `trustProxy`. Others are refused. By default nobody does.
   */
  proxy?: boolean | readonly string[] | undefined
  /** HTTPS: certificates and their keys. By default connections are not encrypted. */
  tls?: TlsOptions | undefined
  /**
   * Serves nothing here but a redirect (308) to the same address with `https:`: `true` for the port of the first listener with
   * `tls`, or the port that clients reach it at. Who says `https` through a trusted proxy is served.
   */
  redirectHttps?: boolean | number | undefined
  /** HTTP/3 beside HTTP/2 and HTTP/1.1: QUIC on the UDP port with the same number. Needs `tls`. By default `false`. */
  http3?: boolean | Http3Options | undefined
}

/** HTTP/3 beside the other protocols. The option may also be `true` or `false` alone. */
export interface Http3Options {
  /**
   * The port that clients are told of with `Alt-Svc`, where it is not that of the listener; `false` tells them nothing. By
   * default the port of the listener.
   */
  announce?: boolean | number | undefined
  /**
   * Most handshakes at the same time of clients that have not shown that they receive what is sent to their address. Beyond it
   * they have to show it first, which takes them another round trip (Retry). 0 for always. From 0 to 1000000, by default 256.
   */
  strangers?: number | undefined
}

/** HTTPS on this listener: TLS 1.2 and 1.3. `cert` and `key`, `certificates`, `acme`, or several of them. */
export interface TlsOptions {
  /** The certificate, in PEM, followed by those that lead to a root: the path of a file, the text or its bytes. */
  cert?: string | Uint8Array | undefined
  /** The private key of `cert`, in PEM, not encrypted: the path of a file, the text or its bytes. */
  key?: string | Uint8Array | undefined
  /**
   * Several certificates: a client gets that with the name it asks for, else the first of all, which is `cert` where
   * there is one.
   */
  certificates?: readonly TlsCertificate[] | undefined
  /** A certificate that the server gets by itself and renews; it comes behind the others. */
  acme?: AcmeOptions | undefined
  /**
   * Whether clients are asked for a certificate: `'request'` serves those without one as well, `'require'` does not. Either
   * way one that `ca` does not lead to is refused. By default nobody is asked.
   */
  clientAuth?: 'request' | 'require' | undefined
  /** The roots of clients' certificates, in PEM: the path of a file, the text or its bytes. Only with `clientAuth`. */
  ca?: string | Uint8Array | undefined
}

/** A certificate and its key. */
export interface TlsCertificate {
  /** The certificate, in PEM, followed by those that lead to a root. Clients that ask for one of its names get it. */
  cert: string | Uint8Array
  /** Its private key, in PEM, not encrypted. */
  key: string | Uint8Array
}

/**
 * A certificate from an authority that speaks ACME (RFC 8555), renewed before it expires. Whoever sets it agrees to the terms of
 * service of the authority.
 */
export interface AcmeOptions {
  /**
   * The names that the certificate is for, at most 100. The authority has to reach this server at each of them. No wildcards,
   * which can only be proven in the DNS; international names in their ASCII form (`xn--`).
   */
  domains: readonly string[]
  /** Where the authority writes to, when it has a reason. By default nobody is written to. */
  email?: string | undefined
  /** The URL of the authority's directory, with `https:`. By default that of Let's Encrypt. */
  directory?: string | undefined
  /**
   * A folder for keys and certificates, made if it is not there. It has to outlive the process: who orders at each start meets the
   * limits of the authority soon.
   */
  storage: string
  /**
   * The roots that the directory's own certificate leads to, in PEM: the path of a file, the text or its bytes. By default those of
   * Mozilla.
   */
  ca?: string | Uint8Array | undefined
  /**
   * How it is proven that the names are this server's: `'tls-alpn-01'` in a handshake at port 443, `'http-01'` by a request to a
   * listener without `tls` at port 80. By default `'tls-alpn-01'`.
   */
  challenge?: 'tls-alpn-01' | 'http-01' | undefined
  /**
   * How long before its end a certificate is renewed, but never in the first half of its life. By default when a third of its life is
   * left.
   */
  renewBefore?: Duration | undefined
  /**
   * How long to wait after an order that failed; twice as long after each further one, at least as long as the authority asks for.
   * By default 2 minutes.
   */
  retry?: Duration | undefined
  /** What that time grows to. By default 6 hours. */
  retryMax?: Duration | undefined
  /** How long an order may take. By default 2 minutes. */
  timeout?: Duration | undefined
}

/** JavaScript threads. The option may also be the count alone. */
export interface WorkerOptions {
  /**
   * How many, the main thread counted: a number from 1 to 1024, or `'auto'` for one per core. By default
   * 1.
   */
  count?: number | 'auto' | undefined
  /** The module that a worker runs; by default the one that started this process. */
  entry?: string | undefined
  /** How long a worker may take from its start to its servers, from 100 ms to 1 hour. By default 30 s. */
  startTimeout?: Duration | undefined
  /** How long the stop hooks of a worker may take, beyond the time that its requests get, up to 1 hour. By default 10 s. */
  stopTimeout?: Duration | undefined
  /** How long a worker that serves nothing any more may take to end by itself, up to 1 hour. By default 1 s. */
  endTimeout?: Duration | undefined
  /**
   * The wait before a worker that has ended is started again, from 1 ms to 1 hour; doubled each time that it does not serve for
   * `maxRestartDelay`, up to that. By default 50 ms.
   */
  restartDelay?: Duration | undefined
  /** The longest such wait, from `restartDelay` to 1 hour. By default 10 s. */
  maxRestartDelay?: Duration | undefined
  /** How long streams and other connections of code that a reload has replaced may go on, up to a week. By default 1 hour. */
  lingerTimeout?: Duration | undefined
}

/** Reloading when files change. The option may also be `true` or `false` alone. */
export interface WatchOptions {
  /**
   * Folders, with all that is in them, and files. By default the folder of the nearest `package.json` above the module that
   * runs. What is in `node_modules`, and what begins with a dot, is never watched.
   */
  paths?: readonly string[] | undefined
  /** What the names of files end with that count. By default those of code and of JSON. */
  extensions?: readonly string[] | undefined
  /** How long nothing may change before new code is loaded, from 1 ms to 1 minute. By default 100 ms. */
  delay?: Duration | undefined
}

/**
 * The log of an application. The option may also be `false`, which is the level `'silent'`, `true`, or a logger such as
 * pino's.
 */
export interface LogOptions {
  /** The least level that is written. By default `'info'`. */
  level?: LogLevel | undefined
  /** Form of a line: `'json'`, or `'dev'` for people. By default `'json'` in production, `'dev'` otherwise. */
  format?: LogStyle | undefined
  /** Where lines go: `'stdout'`, `'stderr'` or a file. By default `'stdout'`. */
  output?: LogOutput | undefined
  /** Bytes that may wait for the output. Lines beyond it are dropped and counted. From 4kb to 256mb, by default 1mb. */
  queue?: Size | undefined
}

/** A file for a log, and what becomes of it when it is full or old. */
export interface LogFileOptions {
  /** The file; its folder exists. What is in it stays. */
  path: string
  /** Size at which the file is put aside and a new one begun. From 1kb to 1tb, by default never. */
  maxSize?: Size | undefined
  /** When the file is put aside in any case, by UTC. By default never. */
  every?: LogPeriod | undefined
  /** Whether files that were put aside are compressed (gzip). By default `false`. */
  compress?: boolean | undefined
  /** How many files that were put aside are kept. From 0 to 100000, by default all. */
  keep?: number | undefined
  /** How long files that were put aside are kept. From 1s to 87600h, by default for ever. */
  keepFor?: Duration | undefined
}

/** Where log lines go. */
export type LogOutput = 'stdout' | 'stderr' | LogFileOptions

/** How much a line of a log matters. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Form of a line of an application's log. */
export type LogStyle = 'dev' | 'json'

/** When a new file is begun. */
export type LogPeriod = 'hour' | 'day'

/** What reading files may take, of a whole server. */
export interface FileReadOptions {
  /**
   * Threads that read: reading a file makes a thread wait, and an IO loop must not. They start when they are needed. From 1 to
   * 256, by default 4.
   */
  threads?: number | undefined
  /** Requests that may wait for such a thread; more are answered 503. From 1 to 1000000, by default 1024. */
  queue?: number | undefined
  /** Files that may be open because their content is being sent; more are answered 503. From 1 to 1000000, by default 1024. */
  open?: number | undefined
  /** Memory for the content of files that are asked for often, up to 16gb; 0 for none. By default 32mb. */
  cache?: Size | undefined
  /** The largest file that is kept there, up to 16mb. By default 64kb. It is read in one go, also when it is not kept. */
  cachedFile?: Size | undefined
  /**
   * Larger files that stay open when they have been sent, so that whoever asks next costs no search; `fresh` says how soon one that
   * was replaced is noticed at the latest. From 0, for none, to 1000000, by default 64. On Linux.
   */
  keptOpen?: number | undefined
}

/** Options of a WebSocket route, beside its handlers. */
export interface WebSocketOptions {
  /**
   * Origins whose pages may connect: `'*'`, or a list such as `['https://app.example.com']`. By default the host that the
   * request is for. A client that sends no `Origin`, as browsers always do, is not asked.
   */
  origins?: WebSocketOrigins | undefined
  /** Limits of each socket. */
  limits?: WebSocketLimits | undefined
  /** Times of each socket. */
  timeouts?: WebSocketTimeouts | undefined
  /**
   * What happens to a message that would be more than `limits.backlog`: `'close'` closes the socket with 1008, `'skip'` does
   * not send that message. By default `'close'`.
   */
  slow?: SlowConsumer | undefined
  /** Whether messages are compressed where a client offers it (permessage-deflate, RFC 7692), and how. By default `false`. */
  deflate?: boolean | WebSocketDeflate | undefined
}

/** Limits of a WebSocket. */
export interface WebSocketLimits {
  /** Largest message. Beyond it the socket is closed with 1009. From 1b to 256mb, by default 1mb. */
  message?: Size | undefined
  /** Largest frame. Beyond it the socket is closed with 1009. From 1b to `message`, by default as much. */
  frame?: Size | undefined
  /** Bytes that are kept for a slow client before `send()` reports `false`. From 1kb to 256mb, by default 64kb. */
  sendBuffer?: Size | undefined
  /**
   * Most bytes that are kept for a slow client; beyond it see `slow`. From `sendBuffer` to 1gb, by default 16mb, or
   * `sendBuffer` if that is more.
   */
  backlog?: Size | undefined
  /**
   * Bytes of messages that wait for their handlers before no more are read, each with 64 for itself. From 1kb to 256mb, by
   * default 64kb.
   */
  receiveBuffer?: Size | undefined
  /**
   * Most topics that the socket subscribes to at the same time. Beyond it `subscribe()` throws. From 1 to 100000, by default
   * 100.
   */
  topics?: number | undefined
  /**
   * Most bytes that are kept of what a socket with `reopen` needs in another thread: its `data` and the parameters of its path, in
   * the form of `v8.serialize()`. A socket that needs more does not survive its thread. From 64b to 16mb, by default 16kb.
   */
  state?: Size | undefined
}

/** Compression of the messages of a WebSocket. The option may also be `true` or `false` alone. */
export interface WebSocketDeflate {
  /** Smallest message that is compressed. Up to 16mb, by default 1kb. */
  threshold?: Size | undefined
  /** How hard it tries: more is smaller and slower. From 1 to 9, by default 3. */
  level?: number | undefined
  /** Whether messages may refer to earlier ones of their connection: smaller, and the most expensive in memory. By default `false`. */
  contextTakeover?: boolean | undefined
  /** How far back a message may refer, as a power of two. From 8 to 15, by default 15. */
  windowBits?: number | undefined
  /**
   * Most bytes that what connections remember of earlier messages takes on each IO loop. Beyond it connections do without.
   * From 0 to 16gb, by default 64mb.
   */
  memory?: Size | undefined
}

/** Times of a WebSocket. */
export interface WebSocketTimeouts {
  /** Silence of the client after which it gets a ping. From 10ms to 24h or 0 for never, by default 30s. */
  ping?: Duration | undefined
  /**
   * Silence of the client after which the socket is closed with 1001; the answer to a ping ends it. From 10ms to 24h or 0
   * for never, by default 75s.
   */
  idle?: Duration | undefined
  /** How long the client may take to answer a Close frame before the connection is cut. From 1ms to 24h, by default 10s. */
  close?: Duration | undefined
  /**
   * How long a socket with `reopen` waits for a thread when its own has ended, before it is closed with 1012. From 1ms to 24h,
   * by default 10s.
   */
  reopen?: Duration | undefined
}

/** Whose pages may connect. */
export type WebSocketOrigins = '*' | readonly string[]

/** What happens to a message that a slow client has no room for. */
export type SlowConsumer = 'close' | 'skip'

/** What to do with a path that exists only with the other choice of trailing slash. */
export type TrailingSlash = 'strict' | 'redirect' | 'ignore'

/** Bytes: a number, or a string such as `'512kb'` or `'1.5mb'` (b, kb, mb, gb, tb; 1kb = 1024). */
export type Size = number | string

/** A duration: a number of milliseconds, or a string such as `'500ms'`, `'10s'`, `'2m'` or `'1h'`. */
export type Duration = number | string
