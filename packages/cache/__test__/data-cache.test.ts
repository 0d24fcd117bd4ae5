// Values in memory: what is kept, how calls wait for each other, and what is not stored.
import { Worker } from 'node:worker_threads'
import { DataCache, type DataCacheOptions, type ValueSchema } from '@armature/cache'
import { App } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { gate } from '../../../__test__/cache/support.js'

let number = 0

/** One that has nothing to do with those of other tests. */
function cacheOf(options: DataCacheOptions = {}): DataCache {
  return new DataCache({ name: `test-${number++}`, ...options })
}

test('values are what they were', async () => {
  const cache = cacheOf()
  const values = { object: { a: [1, 'é', null] }, text: '', number: 0, nothing: null, yes: true }
  for (const [key, value] of Object.entries(values)) {
    await cache.set(key, value)
    expect(await cache.get(key)).toEqual(value)
  }
  await cache.set('bytes', new Uint8Array([0, 255]).subarray(1))
  expect(await cache.get('bytes')).toEqual(Buffer.from([255]))
  expect([await cache.get('missing'), await cache.has('missing'), await cache.has('nothing')]).toEqual([
    undefined,
    false,
    true,
  ])
  expect([cache.delete('text'), cache.delete('text'), await cache.get('text')]).toEqual([
    true,
    false,
    undefined,
  ])
  expect([cache.clear(), await cache.get('object')]).toEqual([5, undefined])
  expect(cache.stats()).toMatchObject({ stored: 6, entries: 0, bytes: 0, purged: 6 })
})

test('other serializers keep what JSON has no form for', async () => {
  const structured = cacheOf({ serialize: 'structured' })
  const value = { at: new Date(0), map: new Map([[1, new Set([2n])]]) }
  await structured.set('a', value)
  expect(await structured.get('a')).toEqual(value)
  const own = cacheOf({
    serialize: { encode: (value) => `<${String(value)}>`, decode: (content) => String(content).slice(1, -1) },
  })
  await own.set('a', 7)
  expect([await own.get('a'), own.store.peek('a')]).toEqual(['7', '<7>'])
})

test('what cannot be stored is refused, and says what to do', async () => {
  const cache = cacheOf({ maxEntry: '1kb' })
  const code = async (promise: Promise<unknown>) => {
    const error: unknown = await promise.then(
      () => undefined,
      (error) => error,
    )
    const { code, status, message } = error as { code?: string; status?: number; message: string }
    return { code, status, message }
  }
  expect(await code(cache.set('a', 'x'.repeat(1023)))).toEqual({
    code: 'ARMATURE_VALUE_TOO_LARGE',
    status: 500,
    message: 'a value of 1025 bytes is larger than maxEntry, 1024 bytes: store less, or raise it',
  })
  const long = 'k'.repeat(1025)
  for (const [promise, message] of [
    [cache.get(''), 'key of a value: a text of 0 bytes is not 1 to 1024 bytes of UTF-8; hash what is longer'],
    [cache.get(long), 'key of a value: a text of 1025 bytes is not'],
    [cache.wrap(long, () => 1), 'key of a value'],
    [cache.get(7 as never), 'key: a number is not a text'],
    [cache.set('a', 1, { ttl: '8761h' }), "ttl: '8761h' is not a duration"],
    [cache.set('a', 1, { ttl: 0 }), 'ttl and staleWhileRevalidate of a value'],
    [cache.set('a', 1, { tags: Array(65).fill('t') as string[] }), 'tags of a value: 65 is not at most 64'],
    [cache.set('a', 1, { tags: ['x'.repeat(257)] }), 'tag of a value: a text of 257 bytes'],
    [cache.set('a', 1, { tags: 'a' as never }), 'tags: a string is not a list of texts'],
  ] as const) {
    const refused = await code(promise)
    expect(refused).toMatchObject({ code: 'ARMATURE_OPTION_INVALID' })
    expect(refused.message).toContain(message)
  }
  for (const [value, message] of [
    [undefined, 'undefined cannot be stored: use delete()'],
    [() => 1, 'a function has no form in JSON'],
  ] as const) {
    expect((await code(cache.set('a', value))).message).toContain(message)
  }
  for (const [options, message] of [
    [{ maxLoads: 0 }, 'DataCache.maxLoads: 0 is not'],
    [{ maxWaiting: 1.5 }, 'DataCache.maxWaiting: 1.5 is not'],
    [{ background: -1 }, 'DataCache.background: -1 is not'],
    [{ serialize: 'yaml' }, "DataCache.serialize: 'yaml' is not"],
    [{ onError: 1 }, 'DataCache.onError: a number is not'],
    [{ size: '1kb' }, 'KeyValueStore.size: 1kb is not from 64kb to 1tb'],
    [{ ttl: Number.NaN }, 'KeyValueStore.ttl: NaN is not a finite number'],
    [{ maxSize: 1 }, 'KeyValueStore.maxSize'],
    [{ memory: false }, 'KeyValueStore.memory: false needs redis'],
  ] as const) {
    expect(() => new DataCache(options as never), JSON.stringify(options)).toThrow(message)
  }
})

test('values end', async () => {
  const cache = cacheOf({ ttl: '8760h' })
  await cache.set('a', 1, { ttl: 1 })
  await cache.set('b', 2)
  await expect.poll(() => cache.get('a'), { interval: 1 }).toBeUndefined()
  expect(await cache.get('b')).toBe(2)
})

test('tags take out what has one of them, and nothing else', async () => {
  const cache = cacheOf()
  await cache.set('a', 1, { tags: ['x', 'y'] })
  await cache.set('b', 2, { tags: ['y', 'z'] })
  await cache.wrap('c', () => 3, { tags: (value) => [`n${value}`] })
  expect(cache.invalidateTag('x')).toBe(1)
  expect([await cache.get('a'), await cache.get('b')]).toEqual([undefined, 2])
  expect(cache.invalidateTag(['z', 'n3', 'x'])).toBe(2)
  expect(cache.stats().entries).toBe(0)
})

test('calls for the same key wait for one function', async () => {
  const cache = cacheOf()
  const { promise, open } = gate()
  let calls = 0
  const make = async () => {
    calls++
    await promise
    return { made: calls }
  }
  const all = Array.from({ length: 20 }, () => cache.wrap('a', make))
  const other = cache.wrap('b', () => 'other')
  expect(await other).toBe('other')
  expect(cache.stats()).toMatchObject({ loading: 1, collapsed: 19 })
  open()
  expect(new Set((await Promise.all(all)).map(({ made }) => made))).toEqual(new Set([1]))
  expect(await cache.wrap('a', make)).toEqual({ made: 1 })
  expect([calls, cache.stats().loading]).toEqual([1, 0])
})

test('what is thrown reaches all who wait, and is not stored', async () => {
  const cache = cacheOf()
  const fail = (): number => {
    throw new Error('no database')
  }
  const all = await Promise.allSettled(Array.from({ length: 5 }, () => cache.wrap('a', fail)))
  expect(all.map((each) => each.status === 'rejected' && String(each.reason))).toEqual(
    Array(5).fill('Error: no database'),
  )
  expect(await cache.wrap<number | undefined>('a', () => undefined)).toBeUndefined()
  expect(await cache.wrap('a', async () => 2)).toBe(2)
  expect(cache.stats()).toMatchObject({ failed: 1, stored: 1 })
})

test.each<[string, (cache: DataCache) => unknown, unknown]>([
  ['its tag is purged', (cache) => cache.invalidateTag('t'), undefined],
  ['it is taken out', (cache) => cache.delete('a'), undefined],
  ['everything is', (cache) => cache.clear(), undefined],
  ['it is set', (cache) => cache.set('a', 'set'), 'set'],
  ['another tag is purged', (cache) => cache.invalidateTag('u'), 'made'],
])('a value during whose making %s', async (_, change, expected) => {
  const cache = cacheOf()
  const { promise, open } = gate()
  const begun = gate()
  const made = cache.wrap(
    'a',
    async () => {
      begun.open()
      await promise
      return 'made'
    },
    { tags: ['t'] },
  )
  await begun.promise
  await change(cache)
  open()
  // Whoever asked gets it.
  expect(await made).toBe('made')
  expect(await cache.get('a')).toBe(expected)
})

test('a stale value is given at once, and made anew once', async () => {
  const cache = cacheOf({ staleWhileRevalidate: '1h' })
  await cache.set('a', 'old', { ttl: 1 })
  await expect.poll(() => cache.get('a'), { interval: 1 }).toBeUndefined()
  const { promise, open } = gate()
  let calls = 0
  const make = async () => {
    calls++
    await promise
    return 'new'
  }
  for (let n = 0; n < 5; n++) expect(await cache.wrap('a', make)).toBe('old')
  await expect.poll(() => calls, { interval: 1 }).toBe(1)
  open()
  await expect.poll(() => cache.wrap('a', make), { interval: 1 }).toBe('new')
  expect([calls, cache.stats().loading]).toEqual([1, 0])
})

test('what fails in the background is told, and the stale value stays', async () => {
  const told: string[] = []
  const cache = cacheOf({
    staleWhileRevalidate: '1h',
    onError: (error, key) => told.push(`${key}: ${String(error)}`),
  })
  await cache.set('a', 'old', { ttl: 1 })
  await expect.poll(() => cache.get('a'), { interval: 1 }).toBeUndefined()
  const fail = () => Promise.reject(new Error('down'))
  expect(await cache.wrap<string>('a', fail)).toBe('old')
  await expect.poll(() => told, { interval: 1 }).toEqual(['a: Error: down'])
  expect(await cache.wrap<string>('a', fail)).toBe('old')
  // What is too large is given, told, and not stored.
  const errors: unknown[] = []
  const small = cacheOf({ maxEntry: 10, onError: (error) => errors.push(error) })
  expect(await small.wrap('b', () => 'x'.repeat(20))).toHaveLength(20)
  expect(errors).toMatchObject([{ code: 'ARMATURE_VALUE_TOO_LARGE' }])
  expect(await small.has('b')).toBe(false)
})

test('as many make and wait as may', async () => {
  const cache = cacheOf({ maxLoads: 2, maxWaiting: 1 })
  const { promise, open } = gate()
  const first = [
    cache.wrap('a', () => promise),
    cache.wrap('b', () => promise),
    cache.wrap('a', () => promise),
  ]
  const refused = { code: 'ARMATURE_STORE_BUSY', status: 503 }
  await expect(cache.wrap('c', () => promise)).rejects.toMatchObject({
    ...refused,
    message: 'too many values are made at once: 2 is the most; raise maxLoads, or ask less at once',
  })
  await expect(cache.wrap('a', () => promise)).rejects.toMatchObject(refused)
  open()
  await Promise.all(first)
  expect(await cache.wrap('c', () => 3)).toBe(3)
})

/** A schema for a number. */
const whole: ValueSchema<number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => (typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] }),
  },
}

test('what a schema refuses counts as not there', async () => {
  const cache = cacheOf()
  await cache.set('a', 'text')
  expect(await cache.get('a', { schema: whole })).toBeUndefined()
  expect(await cache.get('a')).toBe('text')
  expect(await cache.wrap('a', () => 7, { schema: whole })).toBe(7)
  expect(await cache.get('a', { schema: whole })).toBe(7)
})

test('what another serializer wrote counts as not there', async () => {
  const cache = cacheOf()
  await cache.store.set('a', '{')
  expect(await cache.get('a')).toBeUndefined()
  expect(await cache.wrap('a', () => 1)).toBe(1)
})

/** A thread with the cache `name`, which does what it is told. */
class Other implements AsyncDisposable {
  readonly #worker: Worker
  #answers = new Map<number, (answer: unknown) => void>()
  #last = 0

  constructor(name: string) {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      const { DataCache } = require('@armature/cache')
      const cache = new DataCache({ name: workerData })
      let release
      const waits = new Promise((resolve) => { release = resolve })
      const jobs = {
        get: (key) => cache.get(key),
        set: (key, value) => cache.set(key, value),
        make: (key, value) => cache.wrap(key, async () => {
          parentPort.postMessage([0])
          await waits
          return value
        }),
        release: () => release(),
        stats: () => cache.stats(),
      }
      parentPort.on('message', async ([id, job, ...rest]) => parentPort.postMessage([id, await jobs[job](...rest)]))`
    this.#worker = new Worker(code, { eval: true, workerData: name })
    this.#worker.on('message', ([id, answer]: [number, unknown]) => {
      this.#answers.get(id)?.(answer)
      this.#answers.delete(id)
    })
  }

  ask(job: string, ...rest: unknown[]): Promise<unknown> {
    return new Promise((resolve) => {
      this.#answers.set(++this.#last, resolve)
      this.#worker.postMessage([this.#last, job, ...rest])
    })
  }

  /** Its function has been called. */
  begun(): Promise<unknown> {
    return new Promise((resolve) => this.#answers.set(0, resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}

test('threads share values, and make each once', async () => {
  const name = `threads-${process.pid}-${number++}`
  const cache = cacheOf({ name })
  await using one = new Other(name)
  await using two = new Other(name)
  await cache.set('a', { from: 'main' })
  expect(await one.ask('get', 'a')).toEqual({ from: 'main' })
  await two.ask('set', 'a', 'two')
  expect([await one.ask('get', 'a'), await cache.get('a')]).toEqual(['two', 'two'])
  const begun = one.begun()
  const first = one.ask('make', 'b', 'one')
  await begun
  // The others wait for the first.
  const [second, here] = [two.ask('make', 'b', 'two'), cache.wrap('b', () => 'main')]
  await two.ask('get', 'a')
  await one.ask('release')
  expect(await Promise.all([first, second, here])).toEqual(['one', 'one', 'one'])
  cache.clear()
  expect(await one.ask('get', 'a')).toBeUndefined()
})

test('a thread that dies while it makes a value lets others make it', async () => {
  const name = `threads-${process.pid}-${number++}`
  const cache = cacheOf({ name, maxWait: '10m' })
  const one = new Other(name)
  const begun = one.begun()
  void one.ask('make', 'a', 'never')
  await begun
  const here = cache.wrap('a', () => 'main')
  await one[Symbol.asyncDispose]()
  expect(await here).toBe('main')
})

test('whoever has waited long enough makes the value', async () => {
  const name = `threads-${process.pid}-${number++}`
  const cache = cacheOf({ name, maxWait: 1 })
  await using one = new Other(name)
  const begun = one.begun()
  const late = one.ask('make', 'a', 'late')
  await begun
  expect(await cache.wrap('a', () => 'main')).toBe('main')
  await one.ask('release')
  expect(await late).toBe('late')
})

test('handlers use it', async () => {
  const cache = cacheOf()
  let made = 0
  const app = App.new()
    .get('/users/:id', (req) =>
      cache.wrap(`user:${req.param('id')}`, () => ({ id: req.param('id'), made: ++made }), {
        tags: ['users'],
      }),
    )
    .post('/users', () => ({ gone: cache.invalidateTag('users') }))
  await using t = await testServer(app)
  const get = async () => (await (await t.fetch('/users/1')).json()) as unknown
  expect([await get(), await get()]).toEqual([
    { id: '1', made: 1 },
    { id: '1', made: 1 },
  ])
  expect(await (await t.fetch('/users', { method: 'POST' })).json()).toEqual({ gone: 1 })
  expect(await get()).toEqual({ id: '1', made: 2 })
})
