// Answers that are in Redis as well: shared by processes, purged for all of them, and done without when Redis is gone.
import { Cache, type CacheOptions, type PurgeTarget } from '@armature/core'
import { expect, test } from 'vitest'
import { until } from '../helper.js'
import { RedisServer } from '../redis.js'
import { Other } from './other.js'
import { ask, serve } from './support.js'

const redis = RedisServer.ofFile()

let number = 0

/** A cache that has nothing to do with those of other tests. */
function options(more: CacheOptions = {}): CacheOptions {
  return { redis: { url: redis.url }, prefix: `test${number++}:`, sync: '20ms', ...more }
}

/** Polls what other processes say. */
async function eventually<T>(get: () => Promise<T>, is: (value: T) => boolean, what: string): Promise<T> {
  for (const end = Date.now() + 10_000; ; ) {
    const value = await get()
    if (is(value)) return value
    if (Date.now() > end) throw new Error(`not in time: ${what}; the last was ${String(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test('what one process stored another one gives, with its variants, and asks Redis once', async () => {
  const shared = options()
  await using one = await serve(shared)
  await using two = await serve(shared)
  one.origin.script.push({
    headers: { 'cache-control': 'max-age=60', vary: 'accept', etag: '"a"', 'x-more': 'b' },
  })
  expect((await ask(one.t, '/a', { accept: 'x' })).headers['cache-status']).toBe(
    'armature; fwd=uri-miss; stored',
  )
  await until(() => redis.ask('keys', `${shared.prefix}*=*`).split('\n').length === 2, 'the answer in Redis')
  const first = await ask(two.t, '/a', { accept: 'x' })
  expect(first).toMatchObject({ status: 200, body: '1' })
  expect(first.headers).toMatchObject({
    'cache-status': 'armature; hit',
    etag: '"a"',
    'x-more': 'b',
    vary: 'accept',
  })
  expect(two.t.server.stats().cache).toMatchObject({ shared: 1, hits: 1, misses: 0, unavailable: 0 })
  // It is in memory now, unless the first thing that was heard of Redis came in between.
  await ask(two.t, '/a', { accept: 'x' })
  const before = two.t.server.stats().cache.shared
  expect((await ask(two.t, '/a', { accept: 'x', 'if-none-match': '"a"' })).status).toBe(304)
  expect(two.t.server.stats().cache.shared).toBe(before)
  // Another variant is another answer.
  expect((await ask(two.t, '/a', { accept: 'y' })).headers['cache-status']).toMatch(/fwd=vary-miss/)
  expect([one.origin.seen.length, two.origin.seen.length]).toEqual([1, 1])
})

test.each<[string, PurgeTarget, string[]]>([
  ['a tag', { tag: 'b' }, ['b']],
  ['a path', { path: '/made/a' }, ['a']],
  ['a URL', { url: '/made/c' }, ['c']],
  ['everything', { all: true }, ['a', 'b', 'c']],
])('a purge of %s in one process holds in another one, in memory and in Redis', async (_, target, gone) => {
  const shared = options()
  await using one = await serve(shared, (app) => app.get('/unused', () => ''))
  await using two = await serve(shared)
  for (const path of ['a', 'b', 'c']) {
    one.origin.script.push({ headers: { 'cache-control': 'max-age=600', 'cache-tag': `${path}, all` } })
    await ask(one.t, `/made/${path}`)
  }
  await until(() => redis.ask('keys', `${shared.prefix}*=*`).split('\n').length === 3, 'the answers in Redis')
  const isHit = async (path: string) =>
    (await ask(two.t, `/made/${path}`, { 'cache-control': 'only-if-cached' })).status === 200
  // Redis may be slower than anybody waits for it.
  for (const path of ['a', 'b', 'c'])
    await eventually(
      () => isHit(path),
      (hit) => hit,
      `${path} in the other one`,
    )
  one.t.server.cache.purge(target)
  // At once where it was said, also for what is still in Redis.
  for (const path of ['a', 'b', 'c']) {
    const { status } = await ask(one.t, `/made/${path}`, { 'cache-control': 'only-if-cached' })
    expect([path, status]).toEqual([path, gone.includes(path) ? 504 : 200])
  }
  for (const path of ['a', 'b', 'c']) {
    if (gone.includes(path))
      await eventually(
        () => isHit(path),
        (hit) => !hit,
        `the end of ${path}`,
      )
    else expect(await isHit(path)).toBe(true)
  }
})

test('processes share answers; a tag that is purged in one, and a change in one, reach the other', async () => {
  const shared = options()
  await using one = await Other.start(shared)
  await using two = await Other.start(shared)
  const first = await one.get('x')
  await eventually(
    () => two.get('x'),
    (made) => made === first,
    'the answer of the first process',
  )
  await ask(one, '/purge?tag=x')
  const second = await one.get('x')
  expect(second).not.toBe(first)
  await eventually(
    () => two.get('x'),
    (made) => made !== first,
    'the purge',
  )
  const third = await two.get('x')
  await ask(one, '/made/x', {}, 'DELETE')
  await eventually(
    () => two.get('x'),
    (made) => made !== third && made !== second,
    'the change',
  )
  expect((await two.stats()).unavailable).toBe(0)
})

test('an answer that was asked for before a purge elsewhere is not in Redis afterwards', async () => {
  const shared = options()
  await using one = await serve(shared)
  await using two = await serve(shared)
  const headers = { 'cache-control': 'max-age=600', 'cache-tag': 't' }
  let open = () => {}
  one.origin.gates.push(new Promise<void>((resolve) => (open = resolve)))
  one.origin.script.push({ headers })
  const slow = ask(one.t, '/a')
  await until(() => one.origin.seen.length === 1, 'the question')
  two.t.server.cache.purge({ tag: 't' })
  await until(() => redis.ask('exists', keyOfLog(shared)) === '1', 'the purge')
  open()
  expect((await slow).body).toBe('1')
  // It is refused by the script, whatever the memory of the first one has heard.
  two.origin.script.push({ headers })
  expect((await ask(two.t, '/a')).headers['cache-status']).toMatch(/fwd=uri-miss/)
})

function keyOfLog(shared: CacheOptions): string {
  return redis.ask('keys', `${shared.prefix}*purges:log`)
}

test('without Redis requests go on, and it is found again', async () => {
  const shared = options()
  await using cached = await serve(shared)
  const { t, origin } = cached
  const store = (path: string) => {
    origin.script.push({ headers: { 'cache-control': 'max-age=600', 'cache-tag': 't' } })
    return ask(t, path)
  }
  await store('/a')
  // What is stored before anything is heard of Redis may go again when it is.
  await until(() => redis.ask('keys', `${shared.prefix}*=*`) !== '', 'the answer in Redis')
  await eventually(
    async () => (await ask(t, '/a')).headers['cache-status'],
    (status) => status === 'armature; hit',
    'a hit',
  )
  await redis.kill()
  try {
    // A hit in memory, a miss, and what was stored in that time.
    expect((await ask(t, '/a')).body).toBe('1')
    expect((await store('/b')).body).toBe('2')
    expect((await ask(t, '/b')).body).toBe('2')
    expect(t.server.stats().cache.unavailable).toBeGreaterThan(0)
    t.server.cache.purge({ tag: 't' })
  } finally {
    await redis.restart()
  }
  // What it knew is gone; the purge is told again.
  await until(() => keyOfLog(shared) !== '', 'the purge')
  const path = '/after'
  await store(path)
  await using other = await serve(shared)
  await eventually(
    async () => (await ask(other.t, path, { 'cache-control': 'only-if-cached' })).status,
    (status) => status === 200,
    'an answer in Redis',
  )
})

test('a Redis that hangs costs one timeout, not one for each request', async () => {
  await using cached = await serve(options({ redis: { url: redis.url, timeout: '300ms' } }))
  const { t } = cached
  await ask(t, '/warm')
  redis.hang()
  try {
    const begun = performance.now()
    for (let n = 0; n < 30; n++) expect((await ask(t, `/${n}`)).status).toBe(200)
    expect(performance.now() - begun).toBeLessThan(300 * 10)
  } finally {
    redis.goOn()
  }
})

test('foreign bytes under a key are as good as nothing', async () => {
  const shared = options()
  await using one = await serve(shared)
  await using two = await serve(shared)
  one.origin.script.push({ headers: { 'cache-control': 'max-age=600' } })
  await ask(one.t, '/a')
  const keys = () => redis.ask('keys', `${shared.prefix}*=*`)
  await until(() => keys() !== '', 'the answer in Redis')
  redis.ask('hset', keys(), 'v', 'something else')
  const reply = await ask(two.t, '/a')
  expect([reply.status, reply.headers['cache-status']]).toEqual([200, 'armature; fwd=uri-miss'])
  redis.ask('del', keys())
})

test('many requests at once ask Redis once', async () => {
  const shared = options()
  await using one = await serve(shared)
  await using two = await serve(shared)
  one.origin.script.push({ headers: { 'cache-control': 'max-age=600' } })
  await ask(one.t, '/a')
  await until(() => redis.ask('keys', `${shared.prefix}*=*`) !== '', 'the answer in Redis')
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(two.t, '/a')))
  expect(new Set(replies.map((reply) => reply.body))).toEqual(new Set(['1']))
  expect(two.origin.seen.length).toBe(0)
})

test('options that are of no use are refused', () => {
  expect(() => Cache.new({ name: 'a' })).toThrow('Cache.name needs redis')
  expect(() => Cache.new({ redis: { url: 'x' } })).toThrow('Cache.redis.url: this is not an address')
})
