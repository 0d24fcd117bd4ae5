/**
 * A cache for handlers, over the store of `@armature/core`.
 *
 * @packageDocumentation
 */
export { DataCache } from './data-cache.js'
export type {
  DataCacheOptions,
  DataCacheStats,
  DataGetOptions,
  DataSetOptions,
  DataWrapOptions,
} from './options.js'
export type { ValueSchema } from './schema.js'
export type { Serializer } from './serialize.js'
