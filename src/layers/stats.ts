// What `server.stats()` shows of layers.

/** What the `ConcurrencyLimit` layers of a server have and have done. */
export interface ConcurrencyStats {
  /** Requests that have a place. */
  readonly taken: number
  /** Requests that wait for one. */
  readonly waiting: number
  /** Requests answered 503 since the start because as many waited as may. */
  readonly refused: number
  /** Requests answered 503 since the start because they had waited for `queueTimeout`. */
  readonly late: number
}

/** What a `Health` layer knows. */
export interface HealthStats {
  /** Whether its liveness probe passes. */
  readonly live: boolean
  /** Whether its readiness probe passes. */
  readonly ready: boolean
  /** Its checks, in the order of their declaration. */
  readonly checks: readonly HealthCheckStats[]
}

/** What is known of a check. */
export interface HealthCheckStats {
  /** What `check()` called it. */
  readonly name: string
  /** The worst of all threads that run it; `'late'`: a result is overdue; `'pending'`: there was none yet. */
  readonly state: 'passed' | 'failed' | 'late' | 'pending'
}

/** What the `Cors` layers of a server do since the start. */
export interface CorsStats {
  /** Preflights answered, allowed or not. */
  readonly preflights: number
  /** Requests, preflights among them, of an `Origin` that is not allowed. */
  readonly refused: number
}

/** What the rate limits of a server do, all of them together. */
export interface RateLimitStats {
  /** Requests answered 429. */
  readonly limited: number
  /** Keys that were forgotten before they had recovered, because as many were counted as `capacity` has room for. */
  readonly evicted: number
  /** Requests that passed, or were answered 503, because Redis did not answer. */
  readonly uncounted: number
}

/** What the `Cache` layers of a server did since the start, or since a reload, and what they have. */
export interface CacheStats {
  /** Requests answered with what was stored and fresh. */
  readonly hits: number
  /** Requests answered with what was stored and stale: while a new answer was fetched, or because the client allowed it. */
  readonly stale: number
  /** Requests that a stored answer could have been for, and that went to the handler; fetches in the background are among them. */
  readonly misses: number
  /** Those of them to which the handler said 304, so that the stored answer was given. */
  readonly validated: number
  /** Errors of handlers in whose place a stored answer was given. */
  readonly errors: number
  /** Requests that waited for another one, and got its answer. */
  readonly collapsed: number
  /** Requests that no stored answer could be for: other methods, parts, conditions that only handlers check. */
  readonly bypassed: number
  /** Answers stored. */
  readonly stored: number
  /** Answers taken out for want of room. */
  readonly evicted: number
  /** Answers taken out by `purge()`, or by requests that changed something. */
  readonly purged: number
  /** Answers that were found in Redis. */
  readonly shared: number
  /** Looking and writing in vain, because Redis is gone, too slow or too busy; requests went on without it. */
  readonly unavailable: number
  /** Answers that there are. */
  readonly entries: number
  /** Memory that they take, in bytes. */
  readonly bytes: number
  /** Answers in folders. */
  readonly disk: CacheDiskStats
}

/** What `Cache` layers have on disk, all folders together, and what happened there. */
export interface CacheDiskStats {
  /** Answers that were found there. */
  readonly hits: number
  /** Answers that there are, with those that have ended or were purged and are not taken out yet. */
  readonly entries: number
  /** What their files take, in blocks of 4 KB. */
  readonly bytes: number
  /** Bytes of answers that wait to be written. */
  readonly queued: number
  /** Purges that are not written yet: a process that is killed takes them with it. */
  readonly purging: number
  /** Answers taken out for want of room. */
  readonly evicted: number
  /** Answers that were not written, because too much waited or the disk failed. */
  readonly dropped: number
  /** Files that were not what had been written; they were taken out, and nobody got them. */
  readonly broken: number
  /** Looking in vain, because the disk failed, was too slow or had too much to do; requests went on without it. */
  readonly failed: number
}
