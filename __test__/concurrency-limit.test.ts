// ConcurrencyLimit: what is in flight at the same time, what waits, and when a place is free again.
import { connect } from 'node:net'
import {
  App,
  ConcurrencyLimit,
  type ConcurrencyLimitOptions,
  fixed,
  type HttpRequest,
  HttpResponse,
  type StreamWriter,
  scope,
} from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { isInline, RawClient, until } from './helper.js'
import { Session } from './http2-client.js'
import { Client } from './websocket/client.js'

const limit = (options: ConcurrencyLimitOptions) => ConcurrencyLimit.new(options)
const GET = 'GET / HTTP/1.1\r\nhost: t\r\n\r\n'

/** A handler whose requests stay until somebody ends them, in the order in which they came. */
class Gate {
  readonly inside: { name: string; end: () => void }[] = []
  most = 0

  readonly handler = (req: HttpRequest) =>
    new Promise<string>((resolve) => {
      const name = req.header('x-name') ?? ''
      const entry = { name, end: () => resolve(`hello ${name}`) }
      this.inside.push(entry)
      this.most = Math.max(this.most, this.inside.length)
      req.signal.addEventListener('abort', () => {
        this.inside.splice(this.inside.indexOf(entry), 1)
        resolve('nobody')
      })
    })

  /** Lets the first one go; returns its name. */
  next(): string | undefined {
    const first = this.inside.shift()
    first?.end()
    return first?.name
  }
}

const numbers = (t: TestServer) => t.server.stats().concurrency
const waiting = (t: TestServer, count: number) =>
  until(() => numbers(t).waiting === count, `${count} waiting`)
const taken = (t: TestServer, count: number) => until(() => numbers(t).taken === count, `${count} taken`)

async function clients(t: TestServer, count: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => RawClient.to(t.server.port)))
}

test('so many at the same time, on all IO threads together; the rest gets 503', async () => {
  const gate = new Gate()
  const app = App.new()
    .wrap(limit({ max: 3 }))
    .get('/', gate.handler)
  await using t = await testServer(app, isInline ? {} : { run: { io: 3 } })
  const all = await clients(t, 24)
  for (const client of all) client.send(GET)
  await until(() => numbers(t).refused === 21 && gate.inside.length >= 3, 'refusals')
  expect([gate.inside.length, gate.most]).toEqual([3, 3])
  const statuses: number[] = []
  const answered = all.map(async (client) => {
    const { status, headers, body } = await client.read()
    statuses.push(status)
    if (status === 503) {
      expect(headers['retry-after']).toBe('1')
      expect(JSON.parse(body).code).toBe('ARMATURE_OVERLOADED')
    }
  })
  while (gate.inside.length > 0) gate.next()
  await Promise.all(answered)
  expect(statuses.filter((status) => status === 200)).toHaveLength(3)
  expect(t.server.stats().shedBy.concurrency).toBe(21)
  await taken(t, 0)
  const again = await clients(t, 3)
  for (const client of again) client.send(GET)
  await until(() => gate.inside.length === 3)
  while (gate.inside.length > 0) gate.next()
  for (const client of [...all, ...again]) client.socket.destroy()
})

test('who waits gets a place in the order in which he came, whichever thread he came to', async () => {
  const gate = new Gate()
  const app = App.new()
    .wrap(limit({ max: 1, queue: 8, queueTimeout: '1m' }))
    .get('/', gate.handler)
  await using t = await testServer(app, isInline ? {} : { run: { io: 3 } })
  const all = await clients(t, 9)
  for (const [number, client] of all.entries()) {
    client.send(`GET / HTTP/1.1\r\nhost: t\r\nx-name: ${number}\r\n\r\n`)
    await until(() => numbers(t).taken + numbers(t).waiting === number + 1)
  }
  const [late] = await clients(t, 1)
  expect((await late?.get('/'))?.status, 'one too many').toBe(503)
  for (const [number, client] of all.entries()) {
    await until(() => gate.inside.length === 1)
    expect(gate.next()).toBe(String(number))
    expect((await client.read()).body).toBe(`hello ${number}`)
  }
  expect(gate.most).toBe(1)
  await taken(t, 0)
  expect(numbers(t)).toEqual({ taken: 0, waiting: 0, refused: 1, late: 0 })
  for (const client of [...all, late]) client?.socket.destroy()
})

test('nobody waits longer than queueTimeout', async () => {
  const gate = new Gate()
  const app = App.new()
    .wrap(limit({ max: 1, queue: 5, queueTimeout: '40ms' }))
    .get('/', gate.handler)
  await using t = await testServer(app)
  const [first, second] = (await clients(t, 2)) as [RawClient, RawClient]
  first.send(GET)
  await taken(t, 1)
  for (let late = 1; late < 4; late++) {
    expect((await second.get('/')).status).toBe(503)
    expect(numbers(t)).toEqual({ taken: 1, waiting: 0, refused: 0, late })
  }
  gate.next()
  expect((await first.read()).status).toBe(200)
  for (const client of [first, second]) client.socket.destroy()
})

test('the time of a handler begins when its request has a place', async () => {
  let end = () => {}
  const stream = async (writer: StreamWriter) => {
    await writer.write('begin')
    await new Promise<void>((resolve) => (end = resolve))
  }
  const app = App.new({ timeouts: { handler: '500ms' } })
    .wrap(limit({ max: 1, queue: 1, queueTimeout: '1m' }))
    .get('/stream', () => HttpResponse.stream(stream))
    .get('/', () => 'in time')
  await using t = await testServer(app)
  const first = await t.fetch('/stream')
  const second = t.fetch('/')
  await waiting(t, 1)
  await new Promise((resolve) => setTimeout(resolve, 700))
  end()
  expect(await first.text()).toBe('begin')
  expect(await (await second).text()).toBe('in time')
})

test('clients that leave free their places, in flight and in line', async () => {
  const gate = new Gate()
  const app = App.new()
    .wrap(limit({ max: 1, queue: 2, queueTimeout: '1m' }))
    .get('/', gate.handler)
  await using t = await testServer(app)
  await using session = new Session(t)
  const [first, gone, last] = (await clients(t, 3)) as [RawClient, RawClient, RawClient]
  first.send(GET)
  await taken(t, 1)
  gone.send(GET)
  await waiting(t, 1)
  last.send('GET / HTTP/1.1\r\nhost: t\r\nx-name: last\r\n\r\n')
  await waiting(t, 2)
  gone.socket.destroy()
  await waiting(t, 1)
  const stream = session.begin('/')
  await waiting(t, 2)
  stream.close(8)
  await waiting(t, 1)
  first.socket.destroy()
  await until(() => gate.inside[0]?.name === 'last', 'the last one')
  gate.next()
  expect((await last.read()).body).toBe('hello last')
  await taken(t, 0)
  last.socket.destroy()
})

test.each([
  ['a stream', false],
  ['a stream of HTTP/2', true],
])('%s has its place until its end, or until its client leaves', async (_, isHttp2) => {
  const ends: (() => void)[] = []
  const app = App.new()
    .wrap(limit({ max: 1 }))
    .get('/', () =>
      HttpResponse.stream(async (writer) => {
        await writer.write('begin')
        await new Promise<void>((resolve) => ends.push(resolve))
      }),
    )
  await using t = await testServer(app)
  await using session = new Session(t)
  const begin = async () => {
    if (isHttp2) {
      const stream = session.begin('/')
      await new Promise((resolve) => stream.once('data', resolve))
      return {
        leave: () => stream.close(8),
        end: () => new Promise((resolve) => stream.once('end', resolve)),
      }
    }
    const response = await fetch(t.url)
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    return {
      leave: () => void reader.cancel(),
      end: async () => {
        while (!(await reader.read()).done);
      },
    }
  }
  const first = await begin()
  expect([numbers(t).taken, (await t.fetch('/')).status]).toEqual([1, 503])
  ends[0]?.()
  await first.end()
  await taken(t, 0)
  const second = await begin()
  expect((await t.fetch('/')).status).toBe(503)
  second.leave()
  await taken(t, 0)
  await begin()
  ends[2]?.()
  await taken(t, 0)
})

test('a large body has its place until its client has taken it', async () => {
  const large = Buffer.alloc(32 << 20, 'x')
  const app = App.new()
    .wrap(limit({ max: 1 }))
    .get('/', () => large)
    .get('/fixed', fixed(HttpResponse.bytes(Buffer.alloc(1000))))
  await using t = await testServer(app)
  const slow = connect(t.server.port, '127.0.0.1')
  slow.write(GET)
  await taken(t, 1)
  expect((await t.fetch('/fixed')).status).toBe(503)
  let received = 0
  for await (const chunk of slow) {
    received += (chunk as Buffer).length
    if (received > large.length) break
  }
  await taken(t, 0)
  for (let i = 0; i < 20; i++) expect((await t.fetch('/fixed')).status).toBe(200)
  expect(numbers(t).taken).toBe(0)
  slow.destroy()
})

test('per scope and per route; one object counts for all places that it is wrapped in', async () => {
  const gate = new Gate()
  const shared = limit({ max: 1 })
  const app = App.new()
    .get('/free', () => 'free')
    .service(scope('/a').wrap(shared).get('/', gate.handler))
    .service(
      scope('/b')
        .wrap(shared)
        .get('/', () => 'b'),
    )
    .service(
      scope('/c')
        .wrap(limit({ max: 1 }))
        .get('/', () => 'c'),
    )
    .get('/d', { use: [shared] }, () => 'd')
  await using t = await testServer(app)
  const inside = t.fetch('/a')
  await taken(t, 1)
  const statuses = async () =>
    Promise.all(['/free', '/b', '/b/nowhere', '/c', '/d'].map(async (path) => (await t.fetch(path)).status))
  expect(await statuses()).toEqual([200, 503, 503, 200, 503])
  gate.next()
  expect((await inside).status).toBe(200)
  await taken(t, 0)
  for (const path of ['/b', '/d']) expect((await t.fetch(path)).status).toBe(200)
})

test('a handler that fails, or takes too long, gives its place back', async () => {
  const app = App.new({ timeouts: { handler: '500ms' } })
    .wrap(limit({ max: 1 }))
    .get('/fails', () => {
      throw new Error('no')
    })
    .get('/late', () => new Promise(() => {}))
    .get('/ok', () => 'ok')
  await using t = await testServer(app)
  for (const [path, status] of [
    ['/fails', 500],
    ['/late', 503],
    ['/nowhere', 404],
    ['/ok', 200],
  ] as const) {
    expect((await t.fetch(path)).status, path).toBe(status)
    await taken(t, 0)
  }
  expect(numbers(t).refused).toBe(0)
})

test('a WebSocket has its place until it closes', async () => {
  const app = App.new()
    .wrap(limit({ max: 1 }))
    .websocket('/ws', { message: (socket, data) => void socket.send(data) })
    .get('/', () => 'x')
  await using t = await testServer(app)
  const client = await Client.open(`${t.url}/ws`)
  expect([numbers(t).taken, (await t.fetch('/')).status]).toEqual([1, 503])
  client.socket.close()
  await taken(t, 0)
  expect((await t.fetch('/')).status).toBe(200)
})

test.each<[ConcurrencyLimitOptions, string]>([
  [{ max: 0 }, 'ConcurrencyLimit.max: 0 is not a whole number from 1 to 10000000'],
  [{ max: 1.5 }, 'ConcurrencyLimit.max: 1.5 is not'],
  [{ queue: 1_000_001 }, 'ConcurrencyLimit.queue: 1000001 is not a whole number from 0 to 1000000'],
  [{ queueTimeout: 0 }, 'ConcurrencyLimit.queueTimeout: 0ms is not a duration from 1ms to 24h'],
  [{ maximum: 1 } as ConcurrencyLimitOptions, 'ConcurrencyLimit.maximum is not an option'],
])('wrong options: %j', (options, message) => {
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(message) }
  expect(() => ConcurrencyLimit.new(options)).toThrow(expect.objectContaining(error))
})
