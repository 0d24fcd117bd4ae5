// A folder below Redis: what Redis has evicted is found there, and what Redis says was purged is not.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CacheOptions } from '@armature/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../helper.js'
import { RedisServer } from '../redis.js'
import { ask, type Cached, serve } from './support.js'

const redis = RedisServer.ofFile()
let top: string
let number = 0

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'armature-cache-levels-'))
})
afterAll(() => rmSync(top, { recursive: true, force: true }))

/** A cache with a folder of its own; the same one in Redis where `prefix` is the same. */
function options(prefix: string, disk: string): CacheOptions {
  return { redis: { url: redis.url }, prefix, sync: '20ms', disk: join(top, disk) }
}

const keys = (prefix: string) => redis.ask('keys', `${prefix}*=*`)
const onlyStored = { 'cache-control': 'only-if-cached' }

async function store(cached: Cached, prefix: string): Promise<void> {
  cached.origin.script.push({ headers: { 'cache-control': 'max-age=600', 'cache-tag': 't' } })
  await ask(cached.t, '/a')
  await until(() => keys(prefix) !== '' && isKept(cached), 'the answer in Redis and on disk')
}

function isKept({ t }: Cached): boolean {
  const { entries, queued } = t.server.stats().cache.disk
  return entries === 1 && queued === 0
}

test('what Redis has evicted is found on disk, and is in Redis again', async () => {
  const prefix = `level${number++}:`
  {
    await using one = await serve(options(prefix, 'evicted'))
    await store(one, prefix)
  }
  redis.ask('del', keys(prefix))
  await using two = await serve(options(prefix, 'evicted'))
  await until(() => isKept(two), 'what there is')
  const reply = await ask(two.t, '/a')
  expect([reply.body, reply.headers['cache-status']]).toEqual(['1', 'armature; hit'])
  expect(two.t.server.stats().cache).toMatchObject({
    shared: 0,
    unavailable: 0,
    disk: { hits: 1, failed: 0 },
  })
  expect(keys(prefix)).not.toBe('')
  // Another process, which has nothing on disk.
  await using three = await serve(options(prefix, 'empty'))
  expect((await ask(three.t, '/a')).body).toBe('1')
  expect(three.t.server.stats().cache).toMatchObject({ shared: 1, disk: { hits: 0 } })
})

test('what was purged elsewhere while nobody had the folder is not given', async () => {
  const prefix = `level${number++}:`
  {
    await using one = await serve(options(prefix, 'elsewhere'))
    await store(one, prefix)
  }
  {
    await using other = await serve(options(prefix, 'other'))
    other.t.server.cache.purge({ tag: 't' })
    await until(() => redis.ask('keys', `${prefix}*purges:log`) !== '', 'the purge')
  }
  redis.ask('del', keys(prefix))
  await using two = await serve(options(prefix, 'elsewhere'))
  await until(() => isKept(two), 'what there is')
  expect((await ask(two.t, '/a', onlyStored)).status).toBe(504)
  await until(() => two.t.server.stats().cache.disk.entries === 0, 'the end of the file')
})

test('where Redis has lost its numbers, and while it is gone, nothing on disk is given', async () => {
  const prefix = `level${number++}:`
  {
    await using one = await serve(options(prefix, 'lost'))
    await store(one, prefix)
  }
  await redis.kill()
  try {
    await using two = await serve(options(prefix, 'lost'))
    await until(() => isKept(two), 'what there is')
    expect((await ask(two.t, '/a', onlyStored)).status).toBe(504)
    expect(two.t.server.stats().cache).toMatchObject({ disk: { hits: 0, entries: 1 } })
  } finally {
    await redis.restart()
  }
  await using three = await serve(options(prefix, 'lost'))
  await until(() => isKept(three), 'what there is')
  expect((await ask(three.t, '/a', onlyStored)).status).toBe(504)
})
