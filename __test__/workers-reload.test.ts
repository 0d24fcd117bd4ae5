import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App, HttpResponse, type RunOptions, type Server } from '@armature/core'
import { afterAll, expect, test } from 'vitest'
import { cacheDir } from '../scripts/lib/paths.mjs'
import { startServer } from '../scripts/testing/process.mjs'
import { RawClient, until } from './helper.js'
import { closedAfterEach, threads } from './threads.js'

const folder = join(cacheDir, 'reload', String(process.pid))
mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Writes the code that the next threads run. */
function write(version: string, { extra = '', before = '', options = '' } = {}): string {
  const path = join(folder, 'entry.cjs')
  writeFileSync(
    path,
    `const { App, HttpResponse } = require('@armature/core')
    ${before}
    const ended = require('node:timers/promises').setTimeout
    App.new()
      .get('/version', () => '${version}')
      .get('/slow', async () => { await ended(30); return '${version}' })
      .post('/echo', async (req) => '${version} ' + (await req.text()).length)
      .get('/stream', () => HttpResponse.stream(async (writer) => {
        for (let n = 0; n < 1000 && !writer.closed; n++) { await writer.write('${version} '); await ended(20) }
      }))
      ${extra}
      .run({ listen: '127.0.0.1:0', io: 2, signals: false, workers: { count: 2, entry: __filename }, ${options} })
      .then((server) => { if (module.parent === null && require('@armature/core').isPrimary) console.log(server.url) })
    `,
  )
  return path
}

const servers = closedAfterEach()

async function start(options: RunOptions = {}): Promise<Server> {
  const entry = write('v0')
  const server = await App.new()
    .get('/version', () => 'v0')
    .get('/slow', async () => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      return 'v0'
    })
    .post('/echo', async (req) => `v0 ${(await req.text()).length}`)
    .get('/stream', () =>
      HttpResponse.stream(async (writer) => {
        for (let n = 0; n < 1000 && !writer.closed; n++) {
          await writer.write('v0 ')
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }),
    )
    .run({ listen: '127.0.0.1:0', io: 2, signals: false, workers: { count: 2, entry }, ...options })
  servers.push(server)
  return server
}

const get = async (server: Server, path = '/version') => (await fetch(server.url + path)).text()

test('new code serves, by threads of its own, on the connections that there are', async () => {
  const server = await start()
  await using client = await RawClient.to(server.port)
  expect((await client.get('/version')).body).toBe('v0')
  write('v1', { extra: `.get('/new', () => 'new')` })
  await server.reload()
  for (let n = 0; n < 6; n++) expect((await client.get('/version')).body).toBe('v1')
  expect((await client.get('/new')).body).toBe('new')
  await until(() => threads.size === 2, 'the end of the old thread')
  expect(server.stats().lanes.map(({ worker, generation, state }) => [worker, generation, state])).toEqual([
    [0, 0, 'retired'],
    [1, 1, 'running'],
    [2, 1, 'running'],
  ])
  write('v2')
  await server.reload()
  expect((await client.get('/version')).body).toBe('v2')
  expect((await client.get('/new')).status).toBe(404)
})

test('an answer that is streamed goes on, also where the next reload begins', async () => {
  const server = await start()
  const streams = await Promise.all(Array.from({ length: 4 }, () => RawClient.to(server.port)))
  const received = streams.map(() => '')
  streams.forEach((client, n) => {
    client.socket.on('data', (chunk) => {
      received[n] += chunk
    })
    client.send('GET /stream HTTP/1.1\r\nhost: t\r\n\r\n')
  })
  await until(() => received.every((text) => text.includes('v0')), 'the streams')
  write('v1')
  await server.reload()
  expect(await get(server)).toBe('v1')
  const before = received.map((text) => text.length)
  await until(() => received.every((text, n) => text.length > (before[n] ?? 0) + 50), 'more of the streams')
  for (const client of streams) client.socket.destroy()
})

test('what waits for a thread that is replaced waits for queueAge, as before', async () => {
  const code = { extra: `.get('/busy', () => { for (;;); })`, options: `limits: { queueAge: '2s' }` }
  const server = await App.new()
    .get('/version', () => 'v0')
    .get('/slow', () => 'v0')
    .post('/echo', () => 'v0')
    .get('/stream', () => 'v0')
    .get('/busy', () => 'v0')
    .run({
      listen: '127.0.0.1:0',
      io: 2,
      signals: false,
      workers: { count: 2, entry: write('v1', code) },
      limits: { queueAge: '2s' },
    })
  servers.push(server)
  await server.reload()
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.to(server.port)))
  const [first, second, ...others] = clients
  for (const client of [first, second]) client?.send('GET /busy HTTP/1.1\r\nhost: t\r\n\r\n')
  const handedOver = () => server.stats().lanes.filter((lane) => lane.handedOver > 0).length
  await until(() => handedOver() === 2, 'both threads are busy')
  for (const client of others) client.send('GET /version HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => server.stats().inFlight === 8, 'the requests')
  write('v2', code)
  await server.reload()
  expect(await get(server)).toBe('v2')
  for (const client of others) expect((await client.read()).status).toBe(503)
  expect(server.stats().shedBy.queueAge).toBe(6)
  for (const client of clients) client.socket.destroy()
})

test('a body that arrives slowly is read by the code that its request began with', async () => {
  const server = await start()
  await using client = await RawClient.to(server.port)
  client.send('POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n12345')
  await until(() => server.stats().inFlight === 1, 'the request')
  write('v1')
  await server.reload()
  expect(await get(server)).toBe('v1')
  client.send('67890')
  expect(await client.read()).toMatchObject({ status: 200, body: 'v0 10' })
})

test.each([
  [
    'throws',
    { before: `if (!require('@armature/core').isPrimary) throw new Error('new code is broken')` },
    /new code is broken/,
  ],
  ['declares a wrong route', { extra: `.get('no-slash', () => 1)` }, /no-slash/],
  [
    'changes limits and listen',
    { options: `limits: { body: 7 }, listen: '127.0.0.1:1'` },
    /a reload cannot change listen, limits.body/,
  ],
])('new code that %s: the old serves on, reload() rejects', async (_, change, message) => {
  const server = await start()
  write('v1', change)
  await expect(server.reload()).rejects.toThrow(message)
  for (let n = 0; n < 4; n++) expect(await get(server)).toBe('v0')
  expect(threads.size).toBe(1)
  write('v2')
  await server.reload()
  expect(await get(server)).toBe('v2')
})

test('a reload during a reload joins it', async () => {
  const server = await start()
  write('v1')
  const [first, second] = [server.reload(), server.reload()]
  await Promise.all([first, second])
  expect(
    server
      .stats()
      .lanes.filter(({ state }) => state === 'running')
      .map(({ generation }) => generation),
  ).toEqual([1, 1])
})

test('with one thread a reload makes another one', async () => {
  const server = await start({ workers: { count: 1, entry: join(folder, 'entry.cjs') } })
  expect(threads.size).toBe(0)
  write('v1')
  await server.reload()
  expect([await get(server), threads.size]).toEqual(['v1', 1])
})

test('a worker of the new code that ends is replaced by one like it', async () => {
  const server = await start()
  write('v1')
  await server.reload()
  await until(() => threads.size === 2, 'the end of the old thread')
  const [victim] = threads
  await victim?.terminate()
  await until(
    () => server.stats().lanes.filter(({ state }) => state === 'running').length === 2,
    'the next thread',
  )
  for (let n = 0; n < 4; n++) expect(await get(server)).toBe('v1')
})

const reloads = Number(process.env.RELOADS ?? 10)
test(`${reloads} reloads under load: no request fails`, { timeout: 60_000 + reloads * 3000 }, async () => {
  const server = await start()
  let over = false
  let answers = 0
  const failures: string[] = []
  const load = Array.from({ length: 12 }, async (_, n) => {
    const client = await RawClient.to(server.port)
    let newest = 0
    while (!over) {
      const isPost = n % 3 === 2
      client.send(
        isPost
          ? 'POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nabcd'
          : `GET ${n % 3 === 0 ? '/version' : '/slow'} HTTP/1.1\r\nhost: t\r\n\r\n`,
      )
      try {
        const { status, body } = await client.read()
        const version = Number(/^v(\d+)/.exec(body)?.[1] ?? -1)
        if (status !== 200 || version < newest) failures.push(`${status} ${body} after v${newest}`)
        newest = version
        answers++
      } catch (error) {
        failures.push(String(error))
        break
      }
    }
    client.socket.destroy()
  })
  for (let n = 1; n <= reloads; n++) {
    write(`v${n}`)
    await server.reload()
    const before = answers
    await until(() => answers > before + 50, 'answers')
  }
  over = true
  await Promise.all(load)
  expect(failures).toEqual([])
  expect(await get(server)).toBe(`v${reloads}`)
})

test('inline there is nothing to reload', async () => {
  const server = await App.new()
    .get('/', () => 'x')
    .run({ listen: '127.0.0.1:0', io: 'inline', signals: false })
  servers.push(server)
  await expect(server.reload()).rejects.toMatchObject({ code: 'ARMATURE_RELOAD_INLINE' })
})

test('SIGHUP reloads a process with workers', async () => {
  const path = write('v0', { options: 'signals: true' })
  const server = await startServer([path])
  expect(await (await fetch(`${server.url}/version`)).text()).toBe('v0')
  write('v1', { options: 'signals: true' })
  const ended = server.end('SIGHUP')
  await expect.poll(async () => (await fetch(`${server.url}/version`)).text()).toBe('v1')
  server.end('SIGTERM')
  expect(await ended).toBe(0)
})
