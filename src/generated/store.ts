// Generated from the option structs of crates/armature-core. Do not edit; after a change there run
// UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types
import type { Duration, Size } from './config.js'
import type { RedisOptions } from './layers.js'

/** Options of a store. */
export interface KeyValueStoreOptions {
  /**
   * What the store is called: letters, digits, `-`, `_` and `.`, 64 at most. Stores of one process with the same name and options
   * are one, whichever thread they are in; with `redis` those of all processes are. Default `'default'`.
   */
  name?: string | undefined
  /** Memory for values, of all threads together. From 64kb to 1tb, by default 64mb. */
  size?: Size | undefined
  /** Largest value; larger ones are refused. From 0b to `size`, 1gb at most, by default 1mb. */
  maxEntry?: Size | undefined
  /** For how long values are fresh of which nothing is said. From 1ms to `'8760h'`, by default `'8760h'`. */
  ttl?: Duration | undefined
  /** For how long beyond that they may be given while a new one is made, where nothing is said. Up to `'8760h'`, by default 0. */
  staleWhileRevalidate?: Duration | undefined
  /** How long whoever wants to make a value waits for another thread that makes it. From 1ms to 10m, by default 5s. */
  maxWait?: Duration | undefined
  /** Whether values are kept in memory. Default `true`; `false` needs `redis`, which is asked for each value then. */
  memory?: boolean | undefined
  /** Keeps values in Redis as well, for all processes together. Default: in the memory of this process alone. */
  redis?: RedisOptions | undefined
  /** What the names of keys in Redis begin with. Default `'armature:store:'`. */
  prefix?: string | undefined
  /** How often Redis is asked what other processes changed. From 10ms to 1m, by default 200ms. */
  sync?: Duration | undefined
}
