import type { CacheStats, ConcurrencyStats, CorsStats, HealthStats, RateLimitStats } from './layers/stats.js'

/** Numbers of a running server: gauges, which show what is now, and counters since the start. */
export interface ServerStats {
  /** Open connections. */
  readonly connections: number
  /** Those of them on which a request is being answered. The others wait for a request, or for the rest of one. */
  readonly busyConnections: number
  /** Requests whose answer has not begun. */
  readonly inFlight: number
  /** Connections accepted since the start. */
  readonly accepted: number
  /** Connections refused because of a limit, or because they are not from a proxy where only proxies may connect. */
  readonly refused: number
  /** The same by reason. */
  readonly refusedBy: RefusedStats
  /** Handshakes of listeners with `tls`. */
  readonly tls: TlsStats
  /** Requests since the start. */
  readonly requests: number
  /** Refused because it was no request that can be served: malformed, too large a head, too slow; 400 to 431, 501 and 505. */
  readonly malformed: number
  /**
   * Connections closed with ENHANCE_YOUR_CALM, because of `limits.resets`, `limits.controlFrames`, or a head or content in pieces
   * that nobody sends who means well.
   */
  readonly floods: number
  /**
   * Bytes of answers that wait in memory for clients that read slowly. A connection is counted when it has more than two times
   * `limits.responseBuffer`.
   */
  readonly unsentBytes: number
  /** Answers given up because of `limits.unsent`. */
  readonly givenUp: number
  /** Requests answered 503 because of a limit. */
  readonly shed: number
  /** The same by limit. */
  readonly shedBy: ShedStats
  /** What the `ConcurrencyLimit` layers have, all together. */
  readonly concurrency: ConcurrencyStats
  /** What the `Health` layers know, one entry for each. */
  readonly health: readonly HealthStats[]
  /** Handlers that did not answer within `timeouts.handler`. */
  readonly handlerTimeouts: number
  /** Heads that did not arrive within `timeouts.header`, once their first byte was there. */
  readonly headerTimeouts: number
  /** Request bodies of more bytes than `limits.body` allows, or a layer or route in its place; they are answered 413. */
  readonly largeBodies: number
  /** Request bodies of which no byte arrived for `timeouts.body`. */
  readonly bodyTimeouts: number
  /** Connections closed because no request began for `timeouts.idle`, or within `timeouts.header` of a new one. */
  readonly idleTimeouts: number
  /** Connections, or streams of HTTP/2, reset because the client took no byte of an answer for `timeouts.write`. */
  readonly writeTimeouts: number
  /** Requests answered 500 because native code failed, which is a defect of the framework. */
  readonly panics: number
  /** Places for requests that JavaScript has, or will have. */
  readonly slots: SlotStats
  /** What the `Cors` layers do, all of them together. */
  readonly cors: CorsStats
  /** What the `RateLimit` layers do. */
  readonly rateLimits: RateLimitStats
  /** Answers of `Cache` layers, all of them together. */
  readonly cache: CacheStats
  /** Lines of the access log, and of `app.log` and `req.log`. */
  readonly log: LogStats
  /** Files that are read and sent. */
  readonly files: FileStats
  /** WebSockets, and what is published to them. */
  readonly webSockets: WebSocketStats
  /** Memory of the buffers of all connections in bytes, with those that are kept for the next ones. */
  readonly bufferedBytes: number
  /** The JS threads, each with its queue; the one that listens first. */
  readonly lanes: readonly LaneStats[]
}

/** Connections refused, by what refused them. */
export interface RefusedStats {
  /** `limits.connections`. */
  readonly connections: number
  /** `limits.connectionsPerIp`. */
  readonly connectionsPerIp: number
  /**
   * A listener with `proxy`: from an address that it does not trust, or without a well-formed PROXY header within
   * `timeouts.header`.
   */
  readonly proxy: number
}

/** WebSockets. Their connections are among {@link ServerStats.connections}. */
export interface WebSocketStats {
  /** Those that are open. */
  readonly open: number
  /** How many times another thread took one up, after a reload or the death of its own. */
  readonly reopened: number
  /** Those that were closed with 1012, because their thread went and none could take them up. */
  readonly restarted: number
  /** Topics that at least one of them subscribes to. */
  readonly topics: number
  /** How many subscribe, each counted for each of its topics. */
  readonly subscriptions: number
  /** Messages published since the start, to topics with and without subscribers. */
  readonly published: number
  /** How many times one of them was sent to a socket. */
  readonly delivered: number
  /** How many times one of them was compressed: once for each level and window that its subscribers have. */
  readonly compressed: number
  /** How many times one was not, because the socket was too slow and its route has `slow: 'skip'`. */
  readonly skipped: number
  /** Sockets that were closed with 1008 because they were too slow for what was published. */
  readonly slow: number
  /** How many times a message did not reach the sockets of an IO loop, because `limits.publishBuffer` waited for it already. */
  readonly dropped: number
}

/** TLS handshakes since the start. */
export interface TlsStats {
  /** Those that succeeded. */
  readonly handshakes: number
  /** Those of them that went on with an earlier session. */
  readonly resumed: number
  /** Those that did not: refused by either side, too slow, or no TLS. Who only connects is not counted. */
  readonly failed: number
  /** Handshakes of HTTP/3 that began with the client having to prove its address, because of `http3.strangers`. */
  readonly retries: number
  /** The certificates that the server gets by itself, one for each listener with `tls.acme`. */
  readonly acme: readonly AcmeStats[]
}

/** A certificate that the server gets by itself. Times are milliseconds since 1970, as of `Date.now()`. */
export interface AcmeStats {
  /** The names that it is for. */
  readonly domains: readonly string[]
  /** What there is: no certificate yet; one; one that has expired; others than it, from `setTls()`. */
  readonly state: 'missing' | 'valid' | 'expired' | 'replaced'
  /** Whether an order is in progress. */
  readonly ordering: boolean
  /** The end of the certificate in use. */
  readonly expires: number | null
  /** When the next order is due. */
  readonly next: number | null
  /** Certificates obtained since the start. */
  readonly obtained: number
  /** Orders that failed since the start. */
  readonly failed: number
  /** Why the last order failed; `null` when it did not. */
  readonly error: string | null
}

/** Requests answered 503, by the limit that they met. */
export interface ShedStats {
  /** `limits.inFlight`. */
  readonly inFlight: number
  /** `limits.queue`. */
  readonly queue: number
  /** `limits.queueAge`. */
  readonly queueAge: number
  /** All slots of an IO loop were taken. */
  readonly slots: number
  /** `ConcurrencyLimit` layers. */
  readonly concurrency: number
  /** `files.queue` or `files.open`, or the process cannot open one more file. */
  readonly files: number
}

/** Reading files, of the whole server. */
export interface FileStats {
  /** Threads that read. They start when they are needed. */
  readonly threads: number
  /** Pieces of work that wait for one of them. */
  readonly queued: number
  /** Files that are open because their content is being sent. */
  readonly open: number
  /** Bytes of content that are kept. */
  readonly cached: number
  /** Files that are kept open for whoever asks for them next. */
  readonly kept: number
}

/** Log lines, of everybody in the process who writes to the outputs of this server. */
export interface LogStats {
  /** Bytes that wait for an output. */
  readonly waiting: number
  /** Lines that were dropped because more waited than `queue` allows. */
  readonly dropped: number
  /** Lines that the system did not take: a full disk, a closed pipe. */
  readonly failed: number
}

/** Slots of all IO loops together. A request has one from before it is queued until its answer is given, or streamed. */
export interface SlotStats {
  /** Slots that are taken. */
  readonly used: number
  /** Slots that there are: `limits.inFlight` and `limits.connections` together, for each loop; 2^20 for one at most. */
  readonly limit: number
}

/** One JS thread, with the numbers of its queue. */
export interface LaneStats {
  /** Number of the worker; 0 is the thread that listens. */
  readonly worker: number
  /** `threadId` of `node:worker_threads`. */
  readonly threadId: number
  /** Generation of its code: one more with each reload. */
  readonly generation: number
  /**
   * `'draining'`: it takes nothing new; `'ended'`: another thread will take its place; `'retired'`: after a reload, the thread
   * that listens.
   */
  readonly state: 'running' | 'draining' | 'ended' | 'retired'
  /** How many times another thread had to take its place. */
  readonly restarts: number
  /** Requests that wait. */
  readonly queued: number
  /** Bytes that wait. */
  readonly queuedBytes: number
  /**
   * For how many milliseconds the oldest request has waited; 0 when none waits. Of requests that left the queue together
   * and have not all been handed over, the oldest counts until the last one has been.
   */
  readonly oldestAge: number
  /** Requests that were handed over and are not answered. */
  readonly handedOver: number
  /** Requests that wait, and those handed over and not answered; without those that nobody waits for any more. */
  readonly pending: number
  /** How many times requests were handed over. */
  readonly batches: number
  /**
   * The same by the number of requests: of 1, of 2 or 3, of 4 to 7, 8 to 15, 16 to 31, 32 to 63, and of 64 or more.
   */
  readonly batchSizes: readonly number[]
}
