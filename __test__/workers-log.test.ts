// The log of several JavaScript threads, in one file.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { App } from '@armature/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RawClient, until } from './helper.js'
import { closedAfterEach, threads } from './threads.js'

const entry = join(__dirname, 'fixtures/workers/logged.cjs')
const { createApp } = createRequire(__filename)(entry) as { createApp: () => App }

const REQUESTS = 300
const CLIENTS = 6

interface Line {
  msg?: string
  requestId: string
  thread?: number
  number?: number
  url?: string
}

let folder = ''
// Registered before the servers: they have closed when it goes.
afterEach(() => {
  delete process.env.TEST_LOG
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'armature-workers-log-'))
  process.env.TEST_LOG = join(folder, 'log')
})
const servers = closedAfterEach()

const files = () => readdirSync(folder).sort()
const lines = (): Line[] =>
  files()
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)

for (const io of [2, 'inline'] as const) {
  test(`lines of all threads are whole, and none is lost while files are put aside: io ${io}`, async () => {
    const workers = { count: 3, entry, stopTimeout: '1s' }
    const server = await createApp().run({ listen: '127.0.0.1:0', io, workers, signals: false })
    servers.push(server)
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.to(server.port)))
    await Promise.all(
      clients.map(async (client, first) => {
        for (let n = first; n < REQUESTS; n += CLIENTS) expect((await client.get(`/${n}`)).status).toBe(200)
        client.socket.destroy()
      }),
    )
    await until(() => lines().length >= 2 * REQUESTS, 'all lines')
    const all = lines()
    const handled = all.filter(({ msg }) => msg !== undefined)
    const access = all.filter(({ url }) => url !== undefined)
    const numbers = (some: number[]) => some.sort((a, b) => a - b)
    const expected = Array.from({ length: REQUESTS }, (_, n) => n)
    expect(numbers(handled.map(({ number }) => number as number))).toEqual(expected)
    expect(numbers(access.map(({ url }) => Number(url?.slice(1))))).toEqual(expected)
    // What a handler says has the id of its request.
    const ids = new Map(access.map(({ requestId, url }) => [requestId, Number(url?.slice(1))]))
    for (const { requestId, number } of handled) expect(ids.get(requestId)).toBe(number)
    if (io !== 'inline') expect(new Set(handled.map(({ thread }) => thread)).size).toBe(threads.size + 1)
    expect(files().length).toBeGreaterThan(3)
    expect(server.stats().log).toMatchObject({ dropped: 0, failed: 0 })
  })
}
