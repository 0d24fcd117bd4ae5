import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { App, type AppOptions, type ServerStats } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { isInline, RawClient, type RawReply, until } from './helper.js'

/** A server whose JavaScript thread is in `while (true) {}` until `release()`. */
async function blocked(options: AppOptions) {
  const flag = new SharedArrayBuffer(4)
  const workerData = { release: flag, options }
  const worker = new Worker(join(import.meta.dirname, 'fixtures/busy.cjs'), { workerData })
  let port = 0
  let busy = false
  worker.on('message', (message: { port?: number; busy?: boolean }) => {
    port = message.port ?? port
    busy = message.busy ?? busy
  })
  await until(() => port > 0, 'the port')
  const blocking = await RawClient.to(port)
  blocking.send('GET /busy HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => busy, 'the busy thread')
  return {
    port,
    async stats(): Promise<ServerStats> {
      await using client = await RawClient.to(port)
      return JSON.parse((await client.get('/stats')).body)
    },
    /** Waits for the answer of the handler that was busy. */
    async release(): Promise<RawReply> {
      Atomics.store(new Int32Array(flag), 0, 1)
      return await blocking.read()
    },
    async [Symbol.asyncDispose]() {
      Atomics.store(new Int32Array(flag), 0, 1)
      blocking.socket.destroy()
      await worker.terminate()
    },
  }
}

function expectShed(reply: RawReply) {
  expect(reply).toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
  expect(JSON.parse(reply.body)).toMatchObject({
    code: 'ARMATURE_OVERLOADED',
    requestId: expect.stringMatching(/./),
  })
}

test.skipIf(isInline)('while JavaScript is blocked, what waits too long is refused', async () => {
  await using server = await blocked({ limits: { queueAge: '400ms' } })
  const started = performance.now()
  const waiting = await Promise.all([1, 2, 3].map(() => RawClient.to(server.port)))
  const answers = waiting.map((client) => client.get('/js'))
  // Those that Rust answers do not wait.
  await using fixed = await RawClient.to(server.port)
  for (let i = 0; i < 200; i++) expect((await fixed.get('/fixed')).body).toBe('fixed')
  expect((await fixed.get('/nowhere')).status).toBe(404)
  for (const reply of await Promise.all(answers)) expectShed(reply)
  const age = performance.now() - started
  expect(age).toBeGreaterThanOrEqual(400)
  // An eighth later at most; the rest is for a busy machine. Far from `timeouts.handler`, which is 30 s.
  expect(age).toBeLessThan(5000)

  // The oldest of the queue is too old now: nobody else has to wait for that.
  const refusing = performance.now()
  await using client = await RawClient.to(server.port)
  for (let i = 0; i < 20; i++) expectShed(await client.get('/js'))
  expect(performance.now() - refusing).toBeLessThan(20 * 400)

  expect((await server.release()).body).toBe('free')
  let reply = await client.get('/js')
  let refused = 0
  // JavaScript takes what waits right after its answer, which may be a moment after the client has that.
  for (; reply.status === 503; refused++) reply = await client.get('/js')
  // None of those that were refused has run.
  expect(reply.body).toBe('1')
  const stats = await server.stats()
  expect(stats.shedBy).toMatchObject({ inFlight: 0, queue: 0, queueAge: 23 + refused, slots: 0 })
  expect(stats).toMatchObject({ shed: 23 + refused, handlerTimeouts: 0 })
  expect(stats.lanes[0]).toMatchObject({ queued: 0, oldestAge: 0, pending: 1 })
})

test.skipIf(isInline)('while JavaScript is blocked, a queue that is full refuses at once', async () => {
  await using server = await blocked({ limits: { queue: 2 } })
  const clients = await Promise.all(Array.from({ length: 7 }, () => RawClient.to(server.port)))
  const replies: RawReply[] = []
  const answers = clients.map(async (client) => {
    const reply = await client.get('/js')
    replies.push(reply)
  })
  await until(() => replies.length === 5, 'the refusals')
  for (const reply of replies) expectShed(reply)
  expect((await server.release()).body).toBe('free')
  await Promise.all(answers)
  expect(replies.slice(5).map(({ status }) => status)).toEqual([200, 200])
  expect((await server.stats()).shedBy).toMatchObject({ queue: 5, queueAge: 0 })
  for (const client of clients) client.socket.destroy()
})

const pipelined = 'GET /js HTTP/1.1\r\nhost: t\r\n\r\n'.repeat(32)

async function replies(client: RawClient, count: number): Promise<RawReply[]> {
  const replies: RawReply[] = []
  while (replies.length < count) replies.push(await client.read())
  return replies
}

test.skipIf(isInline)('who asks for one thing does not wait behind one who asks for many', async () => {
  await using server = await blocked({})
  const many = await Promise.all(Array.from({ length: 30 }, () => RawClient.to(server.port)))
  for (const client of many) client.send(pipelined)
  await using one = await RawClient.to(server.port)
  const answer = one.get('/js')
  // Loops do one thing after the other: who is answered by them now came behind all of those.
  const behind = await Promise.all(Array.from({ length: 8 }, () => RawClient.to(server.port)))
  for (const client of behind) expect((await client.get('/fixed')).body).toBe('fixed')
  expect((await server.release()).body).toBe('free')
  // Behind the batch that was taken before anything was known, and one request of each of the others.
  expect(Number((await answer).body)).toBeLessThanOrEqual(64 + 30 + 1)
  const order = await Promise.all(many.map((client) => replies(client, 32)))
  for (const client of order) {
    const numbers = client.map(({ body }) => Number(body))
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  }
  expect(new Set(order.flat().map(({ body }) => body)).size).toBe(30 * 32)
  expect((await server.stats()).shed).toBe(0)
  for (const client of [...many, ...behind]) client.socket.destroy()
})

test.skipIf(isInline)('who asks for much gets no more than half of a queue', async () => {
  await using server = await blocked({ limits: { queue: 40 } })
  await using crowd = await RawClient.to(server.port)
  crowd.send(pipelined)
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.to(server.port)))
  const answers = clients.map((client) => client.get('/js'))
  expect((await server.release()).body).toBe('free')
  for (const reply of await Promise.all(answers)) expect(reply.status).toBe(200)
  // 16 of a connection are not many, whoever has come before.
  const statuses = (await replies(crowd, 32)).map(({ status }) => status)
  const answered = statuses.filter((status) => status === 200).length
  expect(answered).toBeGreaterThanOrEqual(16)
  expect(answered).toBeLessThanOrEqual(20)
  expect(statuses.slice(answered)).toEqual(Array.from({ length: 32 - answered }, () => 503))
  for (const client of clients) client.socket.destroy()
})

test('a thread that is too slow answers what it can and refuses the rest', async () => {
  let ran = 0
  const app = App.new({ limits: { queueAge: '100ms' } }).get('/', () => {
    const until = performance.now() + 3
    while (performance.now() < until);
    ran++
    return 'x'
  })
  await using t = await testServer(app)
  // 800 ms of work at once.
  const clients = await Promise.all(Array.from({ length: 9 }, () => RawClient.to(t.server.port)))
  const replies = await Promise.all(
    clients.map(async (client) => {
      client.send('GET / HTTP/1.1\r\nhost: t\r\n\r\n'.repeat(30))
      const replies: RawReply[] = []
      while (replies.length < 30) replies.push(await client.read())
      return replies
    }),
  )
  const shed = replies.flat().filter(({ status }) => status !== 200)
  for (const reply of shed) expectShed(reply)
  expect(shed.length).toBeGreaterThan(0)
  // Those that were handed over together before anything was too old.
  expect(ran).toBeGreaterThan(0)
  expect(t.server.stats()).toMatchObject({ shed: shed.length, shedBy: { queueAge: shed.length } })
  // One may be taken in the moment in which it is refused.
  expect(ran).toBeGreaterThanOrEqual(270 - shed.length)
  // What was refused is passed over, and a machine that pauses may refuse once more.
  for (const client of clients) {
    while ((await client.get('/')).body !== 'x');
    client.socket.destroy()
  }
})

test.skipIf(isInline)('a handler that has begun is not shed, however long it takes', async () => {
  await using server = await blocked({ limits: { queueAge: '50ms' } })
  await using client = await RawClient.to(server.port)
  expectShed(await client.get('/js'))
  expect(await server.release()).toMatchObject({ status: 200, body: 'free' })
})
