import type { Duration, KeyValueStoreOptions, StoreStats } from '@armature/core'
import type { ValueSchema } from './schema.js'
import type { Serializer } from './serialize.js'

/** Options of {@link DataCache}: those of the store, and what this thread does with it. */
export interface DataCacheOptions extends KeyValueStoreOptions {
  /**
   * How values are stored: `'json'` - bytes stay bytes -, `'structured'` for what `structuredClone()` copies, or functions. The same in
   * every thread and process. Default: `'json'`.
   */
  serialize?: 'json' | 'structured' | Serializer | undefined
  /** How many values `wrap()` makes at once in this thread, at most; more are refused. From 1 to 1000000. Default: 1000. */
  maxLoads?: number | undefined
  /**
   * How many calls of `wrap()` wait in this thread for values that others of them make, at most; more are refused. From 1 to 1000000.
   * Default: 10000.
   */
  maxWaiting?: number | undefined
  /**
   * How many stale values are made anew in the background of this thread at once, at most; where there are more, the next call that gets
   * one tries again. From 1 to 1000000. Default: 64.
   */
  background?: number | undefined
  /**
   * Hears what is thrown where nobody waits: by functions that make a stale value anew, and when what `wrap()` has made cannot be stored.
   * Default: the first one is a warning of the process.
   */
  onError?: ((error: unknown, key: string) => void) | undefined
}

/** How a value is read. */
export interface DataGetOptions<T> {
  /** Checks what was stored: what does not pass counts as not there. Default: it is what the types say. */
  schema?: ValueSchema<T> | undefined
}

/** How a value is stored. */
export interface DataSetOptions {
  /** For how long it is fresh. From 1ms to `'8760h'`. Default: as the option `ttl` says. */
  ttl?: Duration | undefined
  /** For how long beyond that `wrap()` may give it while it makes a new one. Default: as the option of the cache says. */
  staleWhileRevalidate?: Duration | undefined
  /** What it is purged by: 64 tags at most, of 256 bytes at most. Default: none. */
  tags?: readonly string[] | undefined
}

/** How `wrap()` reads and stores. */
export interface DataWrapOptions<T> extends DataGetOptions<T>, Omit<DataSetOptions, 'tags'> {
  /** What the value is purged by, or a function of the value that says so. Default: none. */
  tags?: readonly string[] | ((value: T) => readonly string[]) | undefined
}

/** Numbers of a cache: those of its store, which all threads share, and those of this one since it was made. */
export interface DataCacheStats extends StoreStats {
  /** Values that `wrap()` is making in this thread now, those in the background with them. */
  readonly loading: number
  /** Calls of `wrap()` in this thread that got the value of another call. */
  readonly collapsed: number
  /** Functions that have thrown in this thread. */
  readonly failed: number
}

/** A whole number from 1 to 1000000. */
export function count(option: string, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise
  if (Number.isInteger(value) && value >= 1 && value <= 1_000_000) return value
  throw new TypeError(`DataCache.${option}: ${String(value)} is not a whole number from 1 to 1000000`)
}
