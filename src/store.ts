import { milliseconds } from './duration.js'
import { nameOf, typeError } from './errors.js'
import type { Duration } from './generated/config.js'
import type { KeyValueStoreOptions } from './generated/store.js'
import { callStore, type NativeStore, openStore } from './native.js'
import { storeClient } from './store-client.js'

/** The longest time of a value. */
const LONGEST = 8760 * 3_600_000
const NONE: never[] = []

/** What is stored with a value, and when it is. */
export interface StoreSetOptions {
  /** For how long it is fresh. From 1ms to `'8760h'`. Default: as the option `ttl` of the store says. */
  ttl?: Duration | undefined
  /** For how long beyond that it may be given while a new one is made. Default: as the option of the store says. */
  staleWhileRevalidate?: Duration | undefined
  /** What it is purged by: 64 tags at most, of 256 bytes at most. Default: none. */
  tags?: readonly string[] | undefined
  /**
   * What {@link KeyValueStore.moment} said before the value was made: it is not stored when it has been purged or replaced since then.
   * Default: the value is true now.
   */
  since?: StoreMoment | undefined
}

/** What was known of purges at some time; see {@link KeyValueStore.moment}. */
export interface StoreMoment {
  /** The number of the newest purge in this process. */
  readonly purges: number
  /** That of the newest purge in Redis as far as it is known, or -1. */
  readonly position: number
}

/** Which values are given. */
export interface StoreGetOptions {
  /** Also those that are stale, and may be given while a new one is made. Default: `false`. */
  stale?: boolean | undefined
}

/** Numbers of a store: counters since it was opened, but for `entries` and `bytes`. */
export interface StoreStats {
  /** Values given from memory, fresh. */
  readonly hits: number
  /** Values given from memory that were stale. */
  readonly stale: number
  /** Keys that `get()` looked for everywhere in vain. */
  readonly misses: number
  /** Values that came from Redis. */
  readonly shared: number
  /** Values stored. */
  readonly stored: number
  /** Values taken out for want of room. */
  readonly evicted: number
  /** Values taken out because they were no longer true. */
  readonly purged: number
  /** Looking and writing in vain, because Redis is gone, too slow or too busy. */
  readonly unavailable: number
  /** Values in memory. */
  readonly entries: number
  /** Memory that they take, in bytes. */
  readonly bytes: number
}

/**
 * Values by key - text or bytes - in memory, which all threads of the process share, and in Redis, which all processes do.
 * `@armature/cache` is made of it.
 *
 * @example
 * const store = new KeyValueStore({ size: '64mb' })
 * await store.set('greeting', 'hello', { ttl: '10s', tags: ['greetings'] })
 * store.peek('greeting')  // 'hello'
 * store.invalidateTag('greetings')
 */
export class KeyValueStore {
  readonly #native: NativeStore

  /**
   * Opens the store with these options: that of whoever in this process has asked for the same and still has it, or a new one.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID`
   */
  constructor(options: KeyValueStoreOptions = {}) {
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      const details = { option: 'options of KeyValueStore', value: nameOf(options), allowed: 'an object' }
      throw typeError('ARMATURE_OPTION_INVALID', details)
    }
    this.#native = openStore(JSON.stringify(options, plainValue))
  }

  /** What the store is called. */
  get name(): string {
    return this.#native.name
  }

  /**
   * What memory has for `key`, at once; `undefined` when there is nothing fresh.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a key that is empty or longer than 1024 bytes
   */
  peek(key: string, options?: StoreGetOptions): string | Buffer | undefined {
    checkText('key', key)
    const stale = options?.stale === true
    return callStore(() => this.#native.peek(key, stale)) ?? undefined
  }

  /**
   * What there is for `key`, in memory or below it; `undefined` when there is nothing fresh, or Redis does not say so in time.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a key that is empty or longer than 1024 bytes
   */
  async get(key: string, options?: StoreGetOptions): Promise<string | Buffer | undefined> {
    const found = this.peek(key, options)
    if (found !== undefined) return found
    const client = storeClient()
    const id = client.next()
    const stale = options?.stale === true
    const waits = callStore(() => this.#native.find(client.native, id, key, stale))
    return waits ? await client.wait(id) : undefined
  }

  /**
   * Stores a value: in memory at once, and in Redis, where everybody has it when the promise resolves. Whether it is stored: `false` when
   * it has been purged or replaced since `since`. A value with `since` is not waited for.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID`, ArmatureError `ARMATURE_VALUE_TOO_LARGE` for more than `maxEntry`
   */
  async set(key: string, value: string | Uint8Array, options: StoreSetOptions = {}): Promise<boolean> {
    const { ttl, staleWhileRevalidate, tags = NONE, since } = options
    checkText('key', key)
    const content = typeof value === 'string' ? value : bytesOf(value)
    if (!Array.isArray(tags)) throw wrong('tags', tags, 'a list of texts')
    for (const tag of tags) checkText('tag', tag)
    const fresh = ttl === undefined ? -1 : milliseconds('ttl', ttl, LONGEST)
    const stale =
      staleWhileRevalidate === undefined
        ? -1
        : milliseconds('staleWhileRevalidate', staleWhileRevalidate, LONGEST)
    const client = storeClient()
    const id = client.next()
    const moment = since === undefined ? NONE : numbersOf(since)
    const result = callStore(() =>
      this.#native.set(client.native, id, key, content, fresh, stale, [...tags], moment),
    )
    if (result === 1) await client.wait(id)
    return result !== 2
  }

  /**
   * Takes out the value of `key`, for all processes; whether memory had one.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a key that is empty or longer than 1024 bytes
   */
  delete(key: string): boolean {
    checkText('key', key)
    return callStore(() => this.#native.remove(key)) > 0
  }

  /**
   * Takes out the values that have `tag`, for all processes; returns how many memory had.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a tag that is empty or longer than 256 bytes
   */
  invalidateTag(tag: string): number {
    checkText('tag', tag)
    return callStore(() => this.#native.purgeTag(tag))
  }

  /** Takes out everything, for all processes; returns how many values memory had. */
  clear(): number {
    return this.#native.clear()
  }

  /** What is known of purges now. Taken before a value is made, it is what `since` of {@link set} wants. */
  moment(): StoreMoment {
    const [purges = 0, position = -1] = this.#native.moment()
    return { purges, position }
  }

  /**
   * The right to make the value of `key`, which one thread of the process has: a function that gives it back. `undefined` when another one
   * had it: then that is done, or has taken longer than the option `maxWait`.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a key that is empty or longer than 1024 bytes
   */
  async claim(key: string): Promise<(() => void) | undefined> {
    checkText('key', key)
    const client = storeClient()
    const id = client.next()
    const result = callStore(() => this.#native.claim(client.native, id, key))
    if (result === 0) return () => client.native.release(id)
    if (result === 1) {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, this.#native.maxWait)
      })
      await Promise.race([client.wait(id), late])
      clearTimeout(timer)
      client.forget(id)
    }
    return undefined
  }

  /** Its numbers, of all threads together. */
  stats(): StoreStats {
    return JSON.parse(this.#native.stats()) as StoreStats
  }
}

function wrong(option: string, value: unknown, allowed: string): TypeError {
  return typeError('ARMATURE_OPTION_INVALID', { option, value: nameOf(value), allowed })
}

function numbersOf(since: StoreMoment): number[] {
  const numbers = [since?.purges, since?.position]
  if (numbers.every(Number.isSafeInteger)) return numbers
  throw wrong('since', since, 'what moment() has returned')
}

function checkText(option: string, value: unknown): void {
  if (typeof value !== 'string') throw wrong(option, value, 'a text')
}

function bytesOf(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return value
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw wrong('value', value, 'a text, a Buffer or a Uint8Array')
}

// JSON.stringify leaves functions out and makes null of NaN: an option that is accepted and has no effect.
function plainValue(name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const details = { option: `KeyValueStore.${name}`, value: String(value), allowed: 'a finite number' }
    throw typeError('ARMATURE_OPTION_INVALID', details)
  }
  if (typeof value !== 'function' && typeof value !== 'symbol' && typeof value !== 'bigint') return value
  throw wrong(`KeyValueStore.${name}`, value, 'plain data, which is all that the engine can read')
}
