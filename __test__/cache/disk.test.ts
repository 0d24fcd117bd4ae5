// Answers in a folder: they outlive the process, however it ends; what was purged stays purged; and nobody waits for a disk.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Cache } from '@armature/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../helper.js'
import { Other } from './other.js'
import { ask, type Cached, serve } from './support.js'

let top: string
let number = 0

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'armature-cache-disk-'))
})
afterAll(() => rmSync(top, { recursive: true, force: true }))

/** A folder of its own, which is not there yet. */
const folder = () => join(top, `${number++}`, 'answers')

/** Everything that was stored is in its file. */
const isWritten =
  ({ t }: Cached, entries: number) =>
  () => {
    const { disk } = t.server.stats().cache
    return disk.entries === entries && disk.queued === 0
  }

const fresh = { 'cache-control': 'max-age=600' }

describe('a process that is killed', () => {
  test('has stored what the next one gives', async () => {
    const options = { disk: folder() }
    const made: string[] = []
    {
      await using one = await Other.start(options)
      for (const path of ['a', 'b', 'c']) made.push(await one.get(path))
      await one.until(({ entries, queued }) => entries === 3 && queued === 0, 'the files')
    }
    await using two = await Other.start(options)
    await two.until(({ entries }) => entries === 3, 'what there is')
    expect([await two.get('a'), await two.get('b'), await two.get('c')]).toEqual(made)
    expect(await two.stats()).toMatchObject({ hits: 3, misses: 0, disk: { hits: 3, broken: 0, failed: 0 } })
    // It is in memory now.
    await two.get('a')
    expect((await two.stats()).disk.hits).toBe(3)
  })

  test.each([
    ['by a tag', async (one: Other) => ask(one, '/purge?tag=a')],
    ['by a request that changes something', async (one: Other) => ask(one, '/made/a', {}, 'DELETE')],
  ])('has purged what the next one does not give: %s', async (_, purge) => {
    const options = { disk: folder() }
    let made: string[]
    {
      await using one = await Other.start(options)
      made = [await one.get('a'), await one.get('b')]
      await one.until(({ entries, queued }) => entries === 2 && queued === 0, 'the files')
      await purge(one)
      await one.until(({ purging }) => purging === 0, 'the purge')
    }
    await using two = await Other.start(options)
    expect(await two.get('a')).not.toBe(made[0])
    await two.until(({ entries }) => entries >= 1, 'what there is')
    expect(await two.get('b')).toBe(made[1])
  })

  test('leaves no broken answer, and no more than the bound', async () => {
    const disk = { path: folder(), maxBytes: '1mb' }
    for (let round = 0; round < 3; round++) {
      await using one = await Other.start({ disk })
      const asked = Array.from({ length: 400 }, async (_, n) => {
        const path = `${n % 300}`
        const body = await one.get(path).catch(() => undefined)
        if (body !== undefined) expect(body).toMatch(/^\d+ \d+$/)
      })
      await Promise.race([
        Promise.all(asked),
        one.until(({ entries }) => entries > 50 * (round + 1), 'files'),
      ])
      await one[Symbol.asyncDispose]()
      await Promise.allSettled(asked)
    }
    await using last = await Other.start({ disk })
    await last.until(({ entries }) => entries > 50, 'what there is')
    for (let n = 0; n < 300; n++) expect(await last.get(`${n}`)).toMatch(/^\d+ \d+$/)
    const { disk: stats } = await last.stats()
    expect(stats).toMatchObject({ broken: 0, failed: 0 })
    // How many are still there when they are asked for depends on what takes their place meanwhile.
    expect(stats.hits).toBeGreaterThan(0)
    expect(stats.bytes).toBeLessThanOrEqual(1 << 20)
  })
})

test('a purge outlives process.exit() right after it', async () => {
  const options = { disk: folder() }
  let made: string
  {
    await using one = await Other.start(options)
    made = await one.get('a')
    await one.until(({ entries, queued }) => entries === 1 && queued === 0, 'the file')
    await ask(one, '/purge?tag=a')
    await one.exit()
  }
  await using two = await Other.start(options)
  for (let n = 0; n < 20; n++) expect(await two.get('a')).not.toBe(made)
})

test('variants, validators and 304 are what they were', async () => {
  const options = { disk: folder() }
  {
    await using one = await serve(options)
    one.origin.script.push({ headers: { ...fresh, vary: 'accept', etag: '"a"', 'x-more': 'b' } })
    await ask(one.t, '/a', { accept: 'x' })
    await until(isWritten(one, 2), 'the files')
  }
  await using two = await serve(options)
  await until(isWritten(two, 2), 'what there is')
  const reply = await ask(two.t, '/a', { accept: 'x' })
  expect(reply).toMatchObject({ status: 200, body: '1' })
  expect(reply.headers).toMatchObject({
    'cache-status': 'armature; hit',
    etag: '"a"',
    'x-more': 'b',
    vary: 'accept',
  })
  expect((await ask(two.t, '/a', { accept: 'x', 'if-none-match': '"a"' })).status).toBe(304)
  expect((await ask(two.t, '/a', { accept: 'y' })).headers['cache-status']).toMatch(/fwd=vary-miss/)
  expect(two.origin.seen.length).toBe(1)
})

test('many requests at once read one file', async () => {
  const options = { disk: folder() }
  {
    await using one = await serve(options)
    one.origin.script.push({ headers: fresh })
    await ask(one.t, '/a')
    await until(isWritten(one, 1), 'the file')
  }
  await using two = await serve(options)
  await until(isWritten(two, 1), 'what there is')
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(two.t, '/a')))
  expect(new Set(replies.map((reply) => reply.body))).toEqual(new Set(['1']))
  expect([two.origin.seen.length, two.t.server.stats().cache.disk.hits]).toEqual([0, 1])
})

test('stale answers are given while a new one is fetched, and in the place of errors', async () => {
  const options = { disk: folder() }
  const stale = (more: string) => ({ 'cache-control': `max-age=5, ${more}`, age: '10' })
  {
    await using one = await serve(options)
    one.origin.script.push({ headers: stale('stale-while-revalidate=600') })
    await ask(one.t, '/meanwhile')
    one.origin.script.push({ headers: stale('stale-if-error=600') })
    await ask(one.t, '/error')
    await until(isWritten(one, 2), 'the files')
  }
  await using two = await serve(options)
  await until(isWritten(two, 2), 'what there is')
  two.origin.script.push({ headers: fresh }, { status: 500 })
  const meanwhile = await ask(two.t, '/meanwhile')
  expect([meanwhile.status, meanwhile.body, meanwhile.headers['cache-status']]).toEqual([
    200,
    '1',
    expect.stringMatching(/^armature; hit; ttl=-\d+$/),
  ])
  await until(() => two.origin.seen.length === 1, 'the new one')
  const failed = await ask(two.t, '/error')
  expect([failed.status, failed.body, two.origin.seen.length]).toEqual([200, '2', 2])
  expect(two.t.server.stats().cache.errors).toBe(1)
})

test('a file that was changed is not given', async () => {
  const path = folder()
  {
    await using one = await serve({ disk: path })
    one.origin.script.push({ headers: fresh })
    await ask(one.t, '/a')
    await until(isWritten(one, 1), 'the file')
  }
  const file = readdirSync(path).find((name) => name.length === 81) as string
  expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(statSync(join(path, file)).mode & 0o777).toBe(0o600)
  const bytes = readFileSync(join(path, file))
  bytes[bytes.length - 33] = (bytes.at(-33) as number) ^ 1
  writeFileSync(join(path, file), bytes)
  await using two = await serve({ disk: path })
  await until(isWritten(two, 1), 'what there is')
  expect((await ask(two.t, '/a')).headers['cache-status']).toMatch(/fwd=uri-miss/)
  expect(two.t.server.stats().cache.disk).toMatchObject({ hits: 0, broken: 1 })
  expect(existsSync(join(path, file))).toBe(false)
})

test('two caches of a process share a folder, and what has another name is another thing', async () => {
  const disk = folder()
  await using one = await serve({ disk })
  await using same = await serve({ disk })
  await using other = await serve({ disk, name: 'other' })
  one.origin.script.push({ headers: fresh })
  await ask(one.t, '/a')
  await until(isWritten(same, 1), 'the file')
  expect((await ask(same.t, '/a')).headers['cache-status']).toBe('armature; hit')
  expect((await ask(other.t, '/a')).headers['cache-status']).toMatch(/fwd=uri-miss/)
})

test('folders that cannot be used are refused by name', async () => {
  expect(() => Cache.new({ disk: '' })).toThrow("Cache.disk.path: '' is not the path of a folder")
  expect(() => Cache.new({ disk: { path: '/x', maxBytes: 1 } })).toThrow(
    'Cache.disk.maxBytes: 1b is not a size',
  )
  expect(() => Cache.new({ disk: true as unknown as string })).toThrow('Cache.disk')
  const path = folder()
  await using _ = await Other.start({ disk: path })
  await expect(serve({ disk: path })).rejects.toThrow(
    `Cache.disk.path: another process has '${path}'; give each process a folder of its own`,
  )
  const file = join(top, 'file')
  writeFileSync(file, '')
  await expect(serve({ disk: file })).rejects.toThrow(
    `Cache.disk.path: '${file}' cannot be used: Not a directory`,
  )
  const own = folder()
  await using one = await serve({ disk: own })
  await expect(serve({ disk: { path: own, maxBytes: '2mb' } })).rejects.toThrow('with other options')
  expect(one.t.server.stats().cache.disk.entries).toBe(0)
})
