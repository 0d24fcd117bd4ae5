// Values that are in Redis as well: two processes share them, and without Redis they go on.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DataCache, type DataCacheOptions, type DataCacheStats } from '@armature/cache'
import { expect, test } from 'vitest'
import { RedisServer } from '../../../__test__/redis.js'
import { node } from '../../../scripts/lib/run.mjs'

const redis = RedisServer.ofFile()

let number = 0

/** Values that have nothing to do with those of other tests. */
function options(more: DataCacheOptions = {}): DataCacheOptions {
  return { redis: { url: redis.url, timeout: '5s' }, prefix: `test${number++}:`, sync: '20ms', ...more }
}

/** Another process. */
class Other implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #answers = new Map<number, (answer: unknown) => void>()
  #last = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', ([id, answer]: [number, unknown]) => {
      this.#answers.get(id)?.(answer)
      this.#answers.delete(id)
    })
  }

  static async start(cache: DataCacheOptions): Promise<Other> {
    const script = join(import.meta.dirname, '../../../__test__/fixtures/data-cache.cjs')
    const child = fork(script, [JSON.stringify(cache)], { serialization: 'advanced' })
    await once(child, 'message')
    return new Other(child)
  }

  ask<T = unknown>(job: string, ...rest: unknown[]): Promise<T> {
    return new Promise((resolve) => {
      this.#answers.set(++this.#last, resolve as (answer: unknown) => void)
      this.#child.send([this.#last, job, ...rest])
    })
  }

  get(key: string): Promise<unknown> {
    return this.ask('get', key)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await ended
  }
}

test('what one process has stored another one gives, until it is changed or purged', async () => {
  const shared = options()
  await using one = await Other.start(shared)
  await using two = await Other.start(shared)
  await one.ask('set', 'a', { n: 1 }, { tags: ['t'] })
  expect(await two.get('a')).toEqual({ n: 1 })
  await one.ask('set', 'a', { n: 2 }, { tags: ['t'] })
  await expect.poll(() => two.get('a'), { interval: 5 }).toEqual({ n: 2 })
  await two.ask('invalidateTag', 't')
  expect(await two.get('a')).toBeUndefined()
  await expect.poll(() => one.get('a'), { interval: 5 }).toBeUndefined()
  await two.ask('set', 'b', 'x')
  expect(await one.get('b')).toBe('x')
  await one.ask('delete', 'b')
  await expect.poll(() => two.get('b'), { interval: 5 }).toBeUndefined()
  const made = await one.ask('wrap', 'c')
  await expect.poll(() => two.get('c'), { interval: 5 }).toBe(made)
  expect(await two.ask('wrap', 'c')).toBe(made)
  await two.ask('clear')
  await expect.poll(() => one.get('c'), { interval: 5 }).toBeUndefined()
  expect(await two.ask<DataCacheStats>('stats')).toMatchObject({ unavailable: 0 })
})

test('without memory Redis is asked each time', async () => {
  const shared = options({ memory: false })
  await using other = await Other.start(shared)
  const cache = new DataCache(shared)
  for (let n = 0; n < 5; n++) {
    await cache.set('a', n)
    expect([await other.get('a'), cache.store.peek('a')]).toEqual([n, undefined])
  }
  await other.ask('delete', 'a')
  await expect.poll(() => cache.get('a'), { interval: 5 }).toBeUndefined()
  expect(await cache.wrap('a', () => 'made')).toBe('made')
})

test('what was stale in Redis is given by another process, and made anew', async () => {
  const shared = options({ staleWhileRevalidate: '1h' })
  await using other = await Other.start(shared)
  await other.ask('set', 'a', 'old', { ttl: 1 })
  const cache = new DataCache(shared)
  await expect.poll(() => cache.get('a'), { interval: 1 }).toBeUndefined()
  expect(await cache.wrap('a', () => 'new')).toBe('old')
  await expect.poll(() => cache.wrap('a', () => 'newer'), { interval: 1 }).toBe('new')
})

test('without Redis calls go on, and it is found again', async () => {
  const shared = options()
  await using other = await Other.start(shared)
  const cache = new DataCache(shared)
  await cache.set('a', 1)
  expect(await other.get('a')).toBe(1)
  await redis.kill()
  try {
    await cache.set('a', 2)
    await cache.set('b', 3, { tags: ['t'] })
    expect(await cache.get('a')).toBe(2)
    expect(await cache.get('missing')).toBeUndefined()
    expect(await cache.wrap('c', () => 4)).toBe(4)
    expect(cache.invalidateTag('t')).toBe(1)
    expect(cache.stats().unavailable).toBeGreaterThan(0)
  } finally {
    await redis.restart()
  }
  // What it had is gone, and nobody gives what may have been changed meanwhile.
  await expect.poll(() => other.get('a'), { interval: 5 }).not.toBe(1)
  const set = async () => {
    await cache.set('a', 5)
    return await other.get('a')
  }
  await expect.poll(set, { interval: 5 }).toBe(5)
})

test('a Redis that hangs does not hang calls', async () => {
  const cache = new DataCache(options({ redis: { url: redis.url, timeout: '200ms' } }))
  await cache.set('a', 1)
  redis.hang()
  try {
    const begun = performance.now()
    for (let n = 0; n < 30; n++) expect(await cache.wrap(`k${n}`, () => n)).toBe(n)
    expect(performance.now() - begun).toBeLessThan(200 * 10)
  } finally {
    redis.goOn()
  }
})

test('the process ends when nothing is waited for, and not before', async () => {
  const code = `
    const { DataCache } = require('@armature/cache')
    const cache = new DataCache(JSON.parse(process.argv[1]))
    cache.set('a', 1).then(() => cache.store.get('b')).then((value) => console.log('done', value))`
  const { code: exit, stdout } = await node(['-e', code, JSON.stringify(options())], { stdout: 'pipe' })
  expect([exit, stdout.trim()]).toEqual([0, 'done undefined'])
})
