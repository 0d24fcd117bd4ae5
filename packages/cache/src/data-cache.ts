import { ArmatureError, KeyValueStore, type StoreMoment } from '@armature/core'
import {
  count,
  type DataCacheOptions,
  type DataCacheStats,
  type DataGetOptions,
  type DataSetOptions,
  type DataWrapOptions,
} from './options.js'
import { ABSENT, checked, type ValueSchema } from './schema.js'
import { type Serializer, serializerOf } from './serialize.js'

type Make<T> = (key: string) => T | PromiseLike<T>

/**
 * A cache for what handlers need again: in memory, which all threads of the process share, and in Redis, which all processes do.
 *
 * @example
 * const cache = new DataCache({ ttl: '1m', staleWhileRevalidate: '10m' })
 * app.get('/users/:id', (req) =>
 *   cache.wrap(`user:${req.param('id')}`, () => db.findUser(req.param('id')), { tags: ['users'] }),
 * )
 * app.post('/users', async (req) => {
 *   await db.addUser(await req.json())
 *   cache.invalidateTag('users')
 * })
 */
export class DataCache {
  readonly #store: KeyValueStore
  readonly #serializer: Serializer
  readonly #maxLoads: number
  readonly #maxWaiting: number
  readonly #maxBackground: number
  readonly #onError: ((error: unknown, key: string) => void) | undefined
  /** Values that are made here while others wait, by key. */
  readonly #loads = new Map<string, Promise<unknown>>()
  /** Keys whose stale values are made anew. */
  readonly #background = new Set<string>()
  #waiting = 0
  #collapsed = 0
  #failed = 0
  #warned = false

  /** @throws TypeError, with `ARMATURE_OPTION_INVALID` for options of the store */
  constructor(options: DataCacheOptions = {}) {
    const { serialize = 'json', maxLoads, maxWaiting, background, onError, ...store } = options
    this.#serializer = serializerOf(serialize)
    this.#maxLoads = count('maxLoads', maxLoads, 1000)
    this.#maxWaiting = count('maxWaiting', maxWaiting, 10_000)
    this.#maxBackground = count('background', background, 64)
    if (onError !== undefined && typeof onError !== 'function') {
      throw new TypeError(`DataCache.onError: a ${typeof onError} is not a function`)
    }
    this.#onError = onError
    this.#store = new KeyValueStore(store)
  }

  /** The store that values are in, for what is not JSON or must not wait. */
  get store(): KeyValueStore {
    return this.#store
  }

  /**
   * The value of `key`; `undefined` when there is none that is fresh.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a key that is empty or longer than 1024 bytes
   */
  async get<T = unknown>(key: string, options?: DataGetOptions<T>): Promise<T | undefined> {
    const content = this.#store.peek(key) ?? (await this.#store.get(key))
    const value = await this.#decoded<T>(content, options?.schema)
    return value === ABSENT ? undefined : value
  }

  /** Whether there is a value for `key` that is fresh. */
  async has(key: string): Promise<boolean> {
    return (await this.#store.get(key)) !== undefined
  }

  /**
   * Stores a value, in the place of any other. Without Redis it is there when the call returns; with it when the promise resolves, for all
   * processes, or, when Redis is gone, for this one.
   *
   * @throws TypeError for `undefined` and what the serializer has no form for, `ARMATURE_OPTION_INVALID` for options and keys;
   * ArmatureError `ARMATURE_VALUE_TOO_LARGE` for more than `maxEntry`
   */
  async set(key: string, value: unknown, options: DataSetOptions = {}): Promise<void> {
    if (value === undefined) throw new TypeError('undefined cannot be stored: use delete()')
    const { ttl, staleWhileRevalidate, tags } = options
    await this.#store.set(key, this.#serializer.encode(value), { ttl, staleWhileRevalidate, tags })
  }

  /** Takes out the value of `key`; whether memory had one. In other processes it is gone when they have heard of it. */
  delete(key: string): boolean {
    return this.#store.delete(key)
  }

  /** Takes out what has `tag`, or one of these; returns how many values memory had. */
  invalidateTag(tag: string | readonly string[]): number {
    const tags = typeof tag === 'string' ? [tag] : tag
    return tags.reduce((sum, each) => sum + this.#store.invalidateTag(each), 0)
  }

  /** Takes out everything; returns how many values memory had. */
  clear(): number {
    return this.#store.clear()
  }

  /**
   * The value of `key`, or what `make` returns, which is stored: `make` is called once for all calls that wait for the same key in this
   * process. What it throws reaches all of them and is not stored, nor is `undefined`, nor a value that was purged or replaced while it was
   * made. A stale value is given at once and made anew in the background.
   *
   * @throws what `make` throws; ArmatureError `ARMATURE_STORE_BUSY` beyond `maxLoads` and `maxWaiting`; TypeError
   * `ARMATURE_OPTION_INVALID` for a key that is empty or longer than 1024 bytes
   */
  async wrap<T>(key: string, make: Make<T>, options: DataWrapOptions<T> = {}): Promise<T> {
    const content = this.#store.peek(key)
    if (content !== undefined) {
      const value = await this.#decoded<T>(content, options.schema)
      if (value !== ABSENT) return value
    }
    const load = this.#loads.get(key)
    if (load !== undefined) return (await this.#join(load)) as T
    const stale = this.#store.peek(key, { stale: true })
    // A fresh one is one that the schema refused.
    if (stale !== undefined && content === undefined) {
      const value = await this.#decoded<T>(stale, options.schema)
      if (value !== ABSENT) {
        this.#renew(key, make, options)
        return value
      }
    }
    return await this.#load(key, make, options)
  }

  /** The numbers now. */
  stats(): DataCacheStats {
    const loading = this.#loads.size + this.#background.size
    return { ...this.#store.stats(), loading, collapsed: this.#collapsed, failed: this.#failed }
  }

  async #join(load: Promise<unknown>): Promise<unknown> {
    if (this.#waiting >= this.#maxWaiting) throw busy('calls wait for values', 'maxWaiting', this.#maxWaiting)
    this.#waiting++
    this.#collapsed++
    try {
      return await load
    } finally {
      this.#waiting--
    }
  }

  /** Looks below memory, then makes the value; others who come meanwhile wait for it. */
  async #load<T>(key: string, make: Make<T>, options: DataWrapOptions<T>): Promise<T> {
    // It may have begun while a schema took its time.
    const begun = this.#loads.get(key)
    if (begun !== undefined) return (await this.#join(begun)) as T
    if (this.#loads.size >= this.#maxLoads) throw busy('values are made', 'maxLoads', this.#maxLoads)
    const load = this.#found<T>(key, options.schema).then((found) => {
      if (found !== ABSENT) return found
      const stale = this.#store.peek(key, { stale: true })
      return stale === undefined ? this.#make(key, make, options) : this.#staleOr(stale, key, make, options)
    })
    this.#loads.set(key, load)
    try {
      return await load
    } finally {
      this.#loads.delete(key)
    }
  }

  /** What was stale in Redis is in memory now. */
  async #staleOr<T>(
    content: string | Buffer,
    key: string,
    make: Make<T>,
    options: DataWrapOptions<T>,
  ): Promise<T> {
    const value = await this.#decoded<T>(content, options.schema)
    if (value === ABSENT) return await this.#make(key, make, options)
    this.#renew(key, make, options)
    return value
  }

  /** Makes a stale value anew, with nobody waiting. */
  #renew<T>(key: string, make: Make<T>, options: DataWrapOptions<T>): void {
    if (this.#background.has(key) || this.#background.size >= this.#maxBackground) return
    this.#background.add(key)
    const renew = async () => {
      const found = await this.#found<T>(key, options.schema)
      if (found === ABSENT) await this.#make(key, make, options)
    }
    renew()
      .catch((error: unknown) => this.#tell(error, key))
      .finally(() => this.#background.delete(key))
  }

  /** What is there for `key`, in memory or below it. */
  async #found<T>(key: string, schema: ValueSchema<T> | undefined): Promise<T | typeof ABSENT> {
    return await this.#decoded<T>(await this.#store.get(key), schema)
  }

  async #make<T>(key: string, make: Make<T>, options: DataWrapOptions<T>): Promise<T> {
    const release = await this.#store.claim(key)
    try {
      // Another thread may have made it meanwhile.
      const content = this.#store.peek(key)
      const made = content === undefined ? ABSENT : await this.#decoded<T>(content, options.schema)
      if (made !== ABSENT) return made
      const since = this.#store.moment()
      const value = await this.#made(key, make)
      if (value !== undefined) await this.#fill(key, value, since, options)
      return value
    } finally {
      release?.()
    }
  }

  async #made<T>(key: string, make: Make<T>): Promise<T> {
    try {
      return await make(key)
    } catch (error) {
      this.#failed++
      throw error
    }
  }

  /** Stores what was made. Whoever waits gets it also when that cannot be. */
  async #fill<T>(
    key: string,
    value: T,
    since: StoreMoment,
    { ttl, staleWhileRevalidate, tags }: DataWrapOptions<T>,
  ): Promise<void> {
    try {
      const content = this.#serializer.encode(value)
      const named = typeof tags === 'function' ? tags(value) : tags
      await this.#store.set(key, content, { ttl, staleWhileRevalidate, tags: named, since })
    } catch (error) {
      this.#tell(error, key)
    }
  }

  async #decoded<T>(
    content: string | Buffer | undefined,
    schema: ValueSchema<T> | undefined,
  ): Promise<T | typeof ABSENT> {
    if (content === undefined) return ABSENT
    let value: unknown
    try {
      value = this.#serializer.decode(content)
    } catch {
      // Written by another serializer, or another version of the program.
      return ABSENT
    }
    return schema === undefined ? (value as T) : await checked(schema, value)
  }

  #tell(error: unknown, key: string): void {
    this.#onError?.(error, key)
    if (this.#onError !== undefined || this.#warned) return
    this.#warned = true
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.emitWarning(`a value could not be made anew or stored, and nobody waits for it: ${why}`, {
      code: 'ARMATURE_CACHE',
      detail: 'DataCache.onError hears of every one.',
    })
  }
}

function busy(what: string, option: string, limit: number): ArmatureError {
  return new ArmatureError('ARMATURE_STORE_BUSY', { what: `too many ${what} at once`, option, limit })
}
