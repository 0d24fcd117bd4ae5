import { App, HttpResponse, type ServerStats, type StreamWriter } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isInline, RawClient, until } from './helper.js'

beforeEach(() => {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterEach(() => vi.restoreAllMocks())

const GET = 'GET / HTTP/1.1\r\nhost: t\r\n\r\n'
/** What a loop without a busy connection keeps at most: its read buffer, input and output of so many connections. */
const kept = (connections: number) => 64 * 1024 + connections * 32 * 1024

/** Keeps JavaScript busy until `condition` holds. */
function spin(condition: () => boolean, otherwise: () => void = () => {}): void {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true')
    otherwise()
  }
}

/**
 * The same for what IO does. With the inline driver nobody does any while JavaScript is busy, but a chunk that does not fit
 * the buffer of answers hands them over at once, and that is a turn of the loop.
 */
function spinWithIo(writer: StreamWriter, condition: () => boolean): void {
  spin(condition, () => {
    if (isInline) void writer.write(Buffer.alloc(320 * 1024))
  })
}

function lane(stats: ServerStats) {
  const [first] = stats.lanes
  if (first === undefined) throw new Error('a server has a lane')
  return first
}

/** Runs `during` on a busy JavaScript thread, with `count` connections that have been served before. */
async function whileBusy(
  app: App,
  count: number,
  during: (t: TestServer, clients: RawClient[], writer: StreamWriter) => void,
  after: (t: TestServer, clients: RawClient[]) => Promise<void>,
): Promise<void> {
  const clients: RawClient[] = []
  let t: TestServer | undefined
  const busy = (writer: StreamWriter) => during(t as TestServer, clients, writer)
  t = await testServer(app.get('/busy', { timeout: '30s' }, () => HttpResponse.stream(busy)))
  for (let i = 0; i < count; i++) {
    const client = await RawClient.to(t.server.port)
    clients.push(client)
    expect((await client.get('/')).body).toBe('x')
  }
  expect((await t.fetch('/busy')).status).toBe(200)
  await after(t, clients)
  for (const client of clients) client.socket.destroy()
  await t.close()
}

test('an idle server shows zeros and its limits', async () => {
  await using t = await testServer(App.new({ limits: { inFlight: 10, connections: 20 } }).get('/', () => 'x'))
  const stats = t.server.stats()
  expect(stats).toMatchObject({
    connections: 0,
    busyConnections: 0,
    inFlight: 0,
    shed: 0,
    shedBy: { inFlight: 0, queue: 0, queueAge: 0, slots: 0, concurrency: 0 },
    concurrency: { taken: 0, waiting: 0, refused: 0, late: 0 },
    cors: { preflights: 0, refused: 0 },
    floods: 0,
    handlerTimeouts: 0,
    headerTimeouts: 0,
    largeBodies: 0,
    bodyTimeouts: 0,
    idleTimeouts: 0,
    writeTimeouts: 0,
    malformed: 0,
    panics: 0,
  })
  expect(stats.slots.used).toBe(0)
  expect(stats.slots.limit % 30).toBe(0)
  expect(stats.lanes).toEqual([
    {
      worker: 0,
      threadId: 0,
      generation: 0,
      state: 'running',
      restarts: 0,
      queued: 0,
      queuedBytes: 0,
      oldestAge: 0,
      handedOver: 0,
      pending: 0,
      batches: 0,
      batchSizes: [0, 0, 0, 0, 0, 0, 0],
    },
  ])
})

test('what waits for a busy JavaScript thread is shown, and gone afterwards', async () => {
  let before: ServerStats | undefined
  let seen: ServerStats | undefined
  await whileBusy(
    App.new().get('/', () => 'x'),
    10,
    (t, clients, writer) => {
      before = t.server.stats()
      for (const client of clients) client.send(GET)
      spinWithIo(writer, () => lane(t.server.stats()).queued === 10)
      const { oldestAge } = lane(t.server.stats())
      spin(
        () => lane(t.server.stats()).oldestAge >= oldestAge + 20 && t.server.stats().busyConnections === 11,
      )
      seen = t.server.stats()
    },
    async (t, clients) => {
      for (const client of clients) expect((await client.read()).body).toBe('x')
      await until(() => lane(t.server.stats()).pending === 0, 'the answers')
      await until(() => t.server.stats().busyConnections === 0, 'the connections')
      const after = t.server.stats()
      expect(before && lane(before)).toMatchObject({ queued: 0, queuedBytes: 0, oldestAge: 0, handedOver: 1 })
      expect(seen && lane(seen)).toMatchObject({ queued: 10, handedOver: 1, pending: 11 })
      expect(seen && lane(seen).queuedBytes).toBeGreaterThan(10 * GET.length)
      expect(seen).toMatchObject({ slots: { used: 11 }, busyConnections: 11, shed: 0 })
      expect(lane(after)).toMatchObject({
        queued: 0,
        queuedBytes: 0,
        oldestAge: 0,
        handedOver: 0,
        pending: 0,
      })
      expect(after).toMatchObject({ inFlight: 0, slots: { used: 0 } })
      // Eight of the ten were handed over together, as many as when nobody knows how long they take, then two; everything else came alone.
      const { batches, batchSizes } = lane(after)
      expect([batches, batchSizes]).toEqual([13, [11, 1, 0, 1, 0, 0, 0]])
    },
  )
})

test.skipIf(isInline)('what was given up while it waited is queued, and not handed over', async () => {
  let seen: ServerStats | undefined
  await whileBusy(
    App.new({ timeouts: { handler: '50ms' } }).get('/', () => 'x'),
    3,
    (t, clients) => {
      for (const client of clients) client.send(GET)
      spin(() => t.server.stats().handlerTimeouts === 3 && lane(t.server.stats()).pending === 1)
      seen = t.server.stats()
    },
    async (t, clients) => {
      for (const client of clients) expect((await client.read()).status).toBe(503)
      expect(seen && lane(seen)).toMatchObject({ queued: 3, handedOver: 1, pending: 1 })
      expect(seen?.slots.used).toBe(1)
      await until(() => lane(t.server.stats()).queued === 0, 'the queue')
      expect(lane(t.server.stats())).toMatchObject({ oldestAge: 0, handedOver: 0, pending: 0 })
    },
  )
})

test('what a full queue sheds is counted as such', async () => {
  let seen: ServerStats | undefined
  await whileBusy(
    App.new({ limits: { queue: 3 } }).get('/', () => 'x'),
    10,
    (t, clients, writer) => {
      for (const client of clients) client.send(GET)
      spinWithIo(writer, () => {
        seen = t.server.stats()
        return seen.shedBy.queue === 7 && lane(seen).pending === 4
      })
    },
    async (t, clients) => {
      expect(seen && lane(seen)).toMatchObject({ queued: 3, handedOver: 1 })
      const replies = await Promise.all(clients.map((client) => client.read()))
      expect(replies.filter((reply) => reply.status === 503)).toHaveLength(7)
      expect(t.server.stats()).toMatchObject({
        shed: 7,
        shedBy: { inFlight: 0, queue: 7, queueAge: 0, slots: 0 },
      })
    },
  )
})

test('what limits.inFlight sheds is counted as such', async () => {
  let release: (value: string) => void = () => {}
  const held = new Promise<string>((resolve) => {
    release = resolve
  })
  await using t = await testServer(App.new({ limits: { inFlight: 1 } }).get('/', () => held))
  const first = t.fetch('/')
  await until(() => t.server.stats().inFlight === 1, 'the request')
  expect((await t.fetch('/')).status).toBe(503)
  expect(t.server.stats()).toMatchObject({
    shed: 1,
    shedBy: { inFlight: 1, queue: 0, queueAge: 0, slots: 0 },
  })
  release('x')
  expect(await (await first).text()).toBe('x')
  expect(t.server.stats()).toMatchObject({ inFlight: 0, shed: 1 })
})

test('streamed answers hold slots, and what finds none is shed', async () => {
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const app = App.new({ limits: { inFlight: 1, connections: 1 } }).get('/', () =>
    HttpResponse.stream(async (writer) => {
      await writer.write('x')
      await held
    }),
  )
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  const streams = (used: number) => {
    const { slots, inFlight } = t.server.stats()
    return slots.used === used && inFlight === 0
  }
  for (const used of [1, 2]) {
    client.send(GET)
    await until(() => streams(used), `stream ${used}`)
  }
  client.send(GET)
  await until(() => t.server.stats().shed === 1, 'the refusal')
  expect(t.server.stats().shedBy).toEqual({
    inFlight: 0,
    queue: 0,
    queueAge: 0,
    slots: 1,
    concurrency: 0,
    files: 0,
  })
  expect(lane(t.server.stats())).toMatchObject({ handedOver: 2, pending: 2 })
  release()
  const statuses = [await client.read(), await client.read(), await client.read()].map(({ status }) => status)
  expect(statuses).toEqual([200, 200, 503])
  await until(() => streams(0), 'the slots')
})

test('each timeout has its count', async () => {
  const timeouts = { header: 100, body: 100, idle: 100, write: 100, handler: 100 }
  const app = App.new({ timeouts })
    .get('/', () => 'x')
    .post('/', (req) => req.text())
    .get('/never', () => new Promise<string>(() => {}))
    .get('/endless', () =>
      HttpResponse.stream(function* () {
        for (;;) yield Buffer.alloc(64 * 1024)
      }),
    )
  await using t = await testServer(app)
  const connect = () => RawClient.to(t.server.port)

  const silent = await connect()
  expect(await silent.closed()).toBe('end')
  expect(t.server.stats()).toMatchObject({ idleTimeouts: 1, headerTimeouts: 0 })

  const idle = await connect()
  await idle.get('/')
  expect(await idle.closed()).toBe('end')
  expect(t.server.stats()).toMatchObject({ idleTimeouts: 2 })

  const half = await connect()
  half.send('GET / HTTP/1.1\r\nhost:')
  expect((await half.read()).status).toBe(408)
  expect(t.server.stats()).toMatchObject({ headerTimeouts: 1 })

  const body = await connect()
  body.send('POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\nabc')
  expect((await body.read()).status).toBe(408)
  expect(t.server.stats()).toMatchObject({ bodyTimeouts: 1 })
  // The rest of the body is waited for once more, which is no second timeout.
  expect(await body.closed()).toBe('end')

  expect((await t.fetch('/never')).status).toBe(503)
  expect(t.server.stats()).toMatchObject({ handlerTimeouts: 1 })

  const stuck = await connect()
  stuck.socket.pause()
  stuck.send('GET /endless HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => t.server.stats().writeTimeouts === 1, 'the write timeout')

  for (const client of [silent, idle, half, body, stuck]) client.socket.destroy()
  await until(() => t.server.stats().connections === 0, 'the connections')
  expect(t.server.stats()).toMatchObject({
    headerTimeouts: 1,
    bodyTimeouts: 1,
    handlerTimeouts: 1,
    writeTimeouts: 1,
    busyConnections: 0,
    shed: 0,
  })
})

test('buffers take what is being received and sent, and go back to what is kept', async () => {
  const CLIENTS = 30
  const HEAD = `GET / HTTP/1.1\r\nhost: t\r\nx: ${'x'.repeat(12_000)}`
  const app = App.new({ limits: { inFlight: 10, connections: 90 } })
    .get('/', () => 'x')
    .post('/', async (req) => String((await req.bytes()).length))
    .get('/endless', () =>
      HttpResponse.stream(function* () {
        for (;;) yield Buffer.alloc(8 * 1024)
      }),
    )
  await using t = await testServer(app)
  const loops = t.server.stats().slots.limit / 100
  const buffered = () => t.server.stats().bufferedBytes
  const empty = buffered()
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.to(t.server.port)))
    for (const client of clients) client.send(HEAD)
    await until(() => t.server.stats().connections === CLIENTS, 'the clients')
    await until(() => buffered() >= empty + CLIENTS * 12_000, 'the heads')
    expect(t.server.stats().busyConnections).toBe(0)
    for (const client of clients) client.send('\r\n\r\n')
    for (const client of clients) expect([200, 503]).toContain((await client.read()).status)

    const before = buffered()
    // A body whose end is not there, with the beginning of a chunk's line.
    const [upload, download] = clients as [RawClient, RawClient]
    upload.send('POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3')
    download.socket.pause()
    download.send('GET /endless HTTP/1.1\r\nhost: t\r\n\r\n')
    await until(() => t.server.stats().busyConnections === 2, 'the streams')
    await until(() => buffered() >= before + 32 * 1024, 'the output')
    upload.send('\r\nabc\r\n0\r\n\r\n')
    expect((await upload.read()).body).toBe('6')
    for (const client of clients) client.socket.destroy()
    await until(() => t.server.stats().connections === 0, 'the connections')
    expect(buffered()).toBeLessThanOrEqual(loops * kept(CLIENTS))
    expect(t.server.stats()).toMatchObject({ busyConnections: 0, slots: { used: 0 } })
  }
})
