// A disk that is full, and one that fails: what there is stays right, nobody waits, and the operator hears of it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { preload } from '../preload.js'
import { Other } from './other.js'
import { ask } from './support.js'

let top: string

beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), 'armature-cache-trouble-'))
})
afterAll(() => rmSync(top, { recursive: true, force: true }))

/** A file system of 1 MiB, in a mount namespace that ends with the process. */
function small(path: string): string[] {
  mkdirSync(path)
  const script = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
  return ['unshare', '-Urm', 'sh', '-c', script, path]
}

const counted = async (other: Other) => (await other.stats()).disk

test('on a full disk, what is needed least makes room for what is new', async () => {
  const path = join(top, 'full')
  // As many files as the disk has blocks fit into the bound, and more answers than that are made; memory has next to none of them.
  await using one = await Other.start(
    { disk: { path: join(path, 'answers'), maxBytes: '64mb' }, size: '64kb', maxEntry: '1kb' },
    small(path),
  )
  const paths = Array.from({ length: 400 }, (_, n) => `${n}`)
  const made = new Map<string, string>()
  for (const path of paths) made.set(path, await one.get(path))
  await one.until(({ queued }) => queued === 0, 'the files')
  const full = await counted(one)
  expect([one.log, full]).toMatchObject(['', { dropped: 0, failed: 0, broken: 0 }])
  expect(full.entries).toBeGreaterThan(200)
  expect(full.evicted).toBe(400 - full.entries)
  expect(one.log).not.toContain('cannot be')

  let hits = 0
  for (const path of paths.slice(-200)) hits += Number((await one.get(path)) === made.get(path))
  expect(hits).toBe(200)
  // The journal needs room as well.
  await ask(one, '/purge?tag=399')
  await one.until(({ purging }) => purging === 0, 'the purge')
  expect(await one.get('399')).not.toBe(made.get('399'))
})

test('a disk that cannot be read is passed over until it can', async () => {
  const broken = join(top, 'broken')
  const options = { disk: { path: join(top, 'answers') } }
  const library = preload(
    top,
    `
    #define _GNU_SOURCE
    #include <errno.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    ssize_t read(int fd, void *into, size_t length) {
      char path[32], link[4096] = "";
      snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
      if (readlink(path, link, sizeof link - 1) > 0 && strstr(link, "/answers/") && access("${broken}", F_OK) == 0) {
        errno = EIO;
        return -1;
      }
      return syscall(SYS_read, fd, into, length);
    }`,
  )
  let made: string
  {
    await using one = await Other.start(options)
    made = await one.get('a')
    await one.until(({ entries, queued }) => entries === 1 && queued === 0, 'the file')
  }
  await using two = await Other.start(options, library)
  await two.until(({ entries }) => entries === 1, 'what there is')
  writeFileSync(broken, '')
  const ifStored = () => ask(two, '/made/a', { 'cache-control': 'only-if-cached' })
  expect((await ifStored()).status).toBe(504)
  expect(await counted(two)).toMatchObject({ failed: 1, hits: 0, broken: 0, entries: 1 })
  expect(two.log).toMatch(/cache folder '.*answers' cannot be read: Input\/output error .*passed over/)
  rmSync(broken)
  const end = Date.now() + 10_000
  let found = await ifStored()
  for (; found.status === 504; found = await ifStored())
    expect(Date.now(), 'it is read again').toBeLessThan(end)
  expect([found.status, found.body]).toEqual([200, made])
  expect((await counted(two)).hits).toBe(1)
  expect(two.log).toMatch(/is read again after/)
})
