import { createRequire } from 'node:module'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import type { App, Server } from '@armature/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RawClient, until } from './helper.js'
import { closedAfterEach, threads } from './threads.js'

const fixtures = join(__dirname, 'fixtures/workers')
const entry = join(fixtures, 'serve.cjs')
const { createApp } = createRequire(__filename)(join(fixtures, 'app.cjs')) as { createApp: () => App }

const warnings: (Error & { code?: string })[] = []
process.on('warning', (warning) => warnings.push(warning))

beforeEach(() => {
  warnings.length = 0
})
const servers = closedAfterEach()
// Before the servers close: no thread that starts meanwhile has the script.
afterEach(() => {
  delete process.env.TEST_WORKERS
})

/** The one that was started first. */
const firstThread = () => threads.values().next().value

async function start(count: number, script = '', options = {}): Promise<Server> {
  process.env.TEST_WORKERS = script
  const server = await createApp().run({
    listen: '127.0.0.1:0',
    io: 2,
    workers: { count, entry },
    signals: false,
    ...options,
  })
  servers.push(server)
  return server
}

async function json<T>(server: Server, path: string): Promise<T> {
  return (await (await fetch(server.url + path)).json()) as T
}

const states = (server: Server) => server.stats().lanes.map(({ worker, state }) => `${worker} ${state}`)
const running = (server: Server, count: number) => () =>
  server.stats().lanes.filter(({ state }) => state === 'running').length === count

/** Asks for what ends a worker until one has it: the primary thread answers `primary`. */
async function end(server: Server, path: string): Promise<{ status: number; body: string }> {
  for (;;) {
    const response = await fetch(server.url + path)
    const body = await response.text()
    if (body !== 'primary') return { status: response.status, body }
  }
}

/** A connection whose request makes a worker compute for `ms` milliseconds, and its answer. */
async function occupy(server: Server, ms: number) {
  const client = await RawClient.to(server.port)
  for (;;) {
    client.send(`GET /busy/${ms} HTTP/1.1\r\nhost: t\r\n\r\n`)
    const answer = client.read()
    const isOurs = answer.then(() => true)
    const isTaken = until(() =>
      server.stats().lanes.some((lane) => lane.worker > 0 && lane.handedOver > 0),
    ).then(() => false)
    if (!(await Promise.race([isOurs, isTaken]))) return Object.assign(client, { answer })
  }
}

test('requests are spread over the threads, each with its own state', async () => {
  const server = await start(3)
  expect(states(server)).toEqual(['0 running', '1 running', '2 running'])
  const counts = new Map<number, number>()
  for (let n = 0; n < 30; n++) {
    const { thread, count } = await json<{ thread: number; count: number }>(server, '/who')
    counts.set(thread, (counts.get(thread) ?? 0) + 1)
    expect(count).toBe(counts.get(thread))
  }
  // One at a time: whoever has nothing to do takes turns.
  expect([...counts.values()]).toEqual([10, 10, 10])
  const ids = server.stats().lanes.map((lane) => lane.threadId)
  expect([...counts.keys()].sort()).toEqual([...ids].sort())
  expect(ids[0]).toBe(threadId)
})

test('a thread that is busy gets no more than what it has', async () => {
  const server = await start(3)
  await using busy = await occupy(server, 1000)
  const waiting: Promise<unknown>[] = []
  let quick = 0
  const end = performance.now() + 500
  while (performance.now() < end) {
    const client = await RawClient.to(server.port)
    const answered = client.get('/who').then(() => client.socket.destroy())
    const late = new Promise((resolve) => setTimeout(resolve, 100, 'late'))
    if ((await Promise.race([answered, late])) === 'late') waiting.push(answered)
    else quick++
  }
  // Until it has not come for some time nobody knows that it does not.
  expect(waiting.length).toBeLessThanOrEqual(2)
  expect(quick).toBeGreaterThan(20)
  expect((await busy.answer).status).toBe(200)
  await Promise.all(waiting)
})

test('what waits for a thread that computes goes to one that is free', async () => {
  const server = await start(2)
  await using busy = await occupy(server, 60_000)
  // At once: the thread is not known to be busy yet, so that it gets its share.
  const clients = await Promise.all(Array.from({ length: 24 }, () => RawClient.to(server.port)))
  const text = 'x'.repeat(100_000)
  clients.forEach((client, n) => {
    client.send(
      n % 4 === 0
        ? `POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: ${text.length}\r\n\r\n${text}`
        : 'GET /who HTTP/1.1\r\nhost: t\r\n\r\n',
    )
  })
  for (const [n, client] of clients.entries()) {
    const { status, body } = await client.read()
    expect([status, JSON.parse(body)]).toMatchObject([200, { thread: threadId }])
    if (n % 4 === 0) expect(JSON.parse(body).text).toBe(text)
    client.socket.destroy()
  }
  const [own, other] = server.stats().lanes
  expect([own?.handedOver, other?.handedOver]).toEqual([0, 1])
  await firstThread()?.terminate()
  expect((await busy.answer).status).toBe(503)
})

test('bodies and streams work in every thread', async () => {
  const server = await start(3)
  const big = 'x'.repeat(300_000)
  const seen = new Set<number>()
  for (let n = 0; n < 9; n++) {
    const response = await fetch(`${server.url}/echo`, { method: 'POST', body: big })
    const { thread, text } = (await response.json()) as { thread: number; text: string }
    expect(text).toBe(big)
    seen.add(thread)
    const stream = await (await fetch(`${server.url}/stream/50`)).text()
    expect(stream.split(' ').length).toBe(51)
  }
  expect(seen.size).toBeGreaterThan(1)
})

test.each([
  ['/exit/3', /ended with code 3/],
  ['/throw', /thrown on purpose/],
])('a worker that ends at %s: what it had is 503, another takes its place', async (path, why) => {
  const server = await start(3)
  await using client = await RawClient.to(server.port)
  const { status, body } = await end(server, path)
  expect([status, JSON.parse(body)]).toMatchObject([503, { code: 'ARMATURE_WORKER_LOST' }])
  await until(() => warnings.some(({ code }) => code === 'ARMATURE_WORKER_ENDED'), 'the warning')
  expect(warnings[0]?.message).toMatch(why)
  await until(running(server, 3), 'the next thread')
  const lost = server.stats().lanes.filter(({ restarts }) => restarts === 1)
  expect(lost.length).toBe(1)
  // The socket is the same as before.
  expect((await client.get('/who')).status).toBe(200)
})

test('what a worker was handed is 503, what waited for it moves to others', async () => {
  const server = await start(2)
  const [first, ...rest] = await Promise.all(Array.from({ length: 20 }, () => RawClient.to(server.port)))
  if (first === undefined) throw new Error('no connection')
  const lane = (worker: number) => server.stats().lanes[worker]
  // Without a pause: the worker's thread has to be taken for one that comes soon.
  for (;;) {
    first.send('GET /busy/60000 HTTP/1.1\r\nhost: t\r\n\r\n')
    while (lane(0)?.queued === 0 && lane(1)?.handedOver === 0);
    if (lane(1)?.handedOver === 1) break
    expect((await first.read()).body).toBe('primary')
  }
  for (const client of rest) client.send('GET /who HTTP/1.1\r\nhost: t\r\n\r\n')
  while ((lane(0)?.queued ?? 0) + (lane(1)?.queued ?? 0) < rest.length);
  expect(lane(1)?.queued).toBeGreaterThan(0)
  await firstThread()?.terminate()
  expect(await first.read()).toMatchObject({
    status: 503,
    body: expect.stringContaining('ARMATURE_WORKER_LOST'),
  })
  const answers = await Promise.all(rest.map((client) => client.read()))
  for (const { status, body } of answers) {
    expect([status, JSON.parse(body)]).toMatchObject([200, { thread: threadId }])
  }
  // Every connection is as good as before.
  for (const client of [first, ...rest]) {
    expect((await client.get('/who')).status).toBe(200)
    client.socket.destroy()
  }
})

test('workers that are terminated under load lose what they were handed, and nothing else', async () => {
  const server = await start(3)
  let over = false
  let answered = 0
  const failures: string[] = []
  let lost = 0
  const load = Array.from({ length: 16 }, async (_, n) => {
    const client = await RawClient.to(server.port)
    const path = n % 4 === 0 ? '/slow/2' : '/who'
    while (!over) {
      try {
        const { status, body } = await client.get(path)
        if (status === 200) answered++
        else if (body.includes('ARMATURE_WORKER_LOST')) lost++
        else failures.push(`${status} ${body}`)
      } catch (error) {
        failures.push(String(error))
        break
      }
    }
    client.socket.destroy()
  })
  for (let round = 0; round < 8; round++) {
    const before = answered
    await until(() => answered > before + 200, 'answers')
    const victim = [...threads][round % threads.size]
    await victim?.terminate()
    await until(running(server, 3), 'the next thread')
  }
  over = true
  await Promise.all(load)
  expect(failures).toEqual([])
  expect(server.stats().lanes.reduce((sum, { restarts }) => sum + restarts, 0)).toBe(8)
  expect(lost).toBeLessThanOrEqual(8 * 16)
})

test('onStop runs in the workers too, and a server that closes ends them', async () => {
  const server = await start(3)
  const client = await RawClient.to(server.port)
  client.send('GET /slow/100 HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => server.stats().inFlight === 1, 'the request')
  const closed = server.close()
  expect((await client.read()).status).toBe(200)
  client.socket.destroy()
  await closed
  expect(threads.size).toBe(0)
  expect(warnings).toEqual([])
})

test('inject stays on its thread', async () => {
  process.env.TEST_WORKERS = ''
  const app = createApp()
  const server = await app.run({ listen: '127.0.0.1:0', workers: { count: 3, entry }, signals: false })
  servers.push(server)
  for (let n = 0; n < 6; n++) {
    expect(await (await app.inject('/who')).json()).toEqual({ thread: threadId, count: n + 1 })
  }
})

test('a worker with other routes does not attach: the error shows the difference', async () => {
  await expect(start(2, 'extra-route')).rejects.toMatchObject({
    code: 'ARMATURE_WORKER_ROUTES',
    message:
      'the routes of this worker are not those of the server: extra: GET /extra\tJavaScript; ' +
      'declare the same in every thread',
  })
})

test.each([
  [
    'throw-at-start',
    { code: 'ARMATURE_WORKER_START', message: /worker 1 did not start: no start on purpose/ },
  ],
  ['exit-at-start', { code: 'ARMATURE_WORKER_START', message: /it ended with code 5/ }],
  ['never-run', { code: 'ARMATURE_WORKER_START', message: /it ended with code 0/ }],
  ['start-hook-throws', { message: 'start on purpose' }],
])('run() rejects when a worker does not start: %s', async (script, error) => {
  const before = createApp().run({ listen: '127.0.0.1:0', signals: false })
  const other = await before
  servers.push(other)
  await expect(start(2, script)).rejects.toSatisfy((thrown: Error & { code?: string }) => {
    expect(thrown).toMatchObject('code' in error ? { code: error.code } : {})
    expect(thrown.message).toMatch(error.message)
    return true
  })
  expect(await (await fetch(`${other.url}/who`)).json()).toMatchObject({ count: 1 })
})

test('what a stop hook of a worker throws is what close() rejects with', async () => {
  const server = await start(2, 'stop-hook stop-hook-throws')
  servers.splice(0)
  await expect(server.close()).rejects.toThrow('stop on purpose')
})

test('two servers share the workers of one module', async () => {
  const first = await start(2)
  const thread = firstThread()
  expect(threads.size).toBe(1)
  await first.close()
  await until(() => threads.size === 0, 'the end of the worker')
  await start(2)
  expect(threads.size).toBe(1)
  expect(firstThread()).not.toBe(thread)
})
