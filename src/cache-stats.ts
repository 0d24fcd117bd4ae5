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
