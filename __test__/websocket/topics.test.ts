import { App, ArmatureError, type RunOptions, type Server, type Socket } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { isInline, until } from '../helper.js'
import { Client } from './client.js'
import { RawSocket } from './raw.js'

afterEach(() => vi.restoreAllMocks())

/** Subscribes to what the path says; the first word of a message says what is done. */
function rooms() {
  const counts: number[] = []
  const app = App.new().websocket('/:topic', {
    open(socket) {
      socket.subscribe(socket.param('topic'))
      socket.send('open')
    },
    message(socket, data) {
      const [what, topic = '', text = ''] = String(data).split(' ')
      switch (what) {
        case 'subscribe':
          socket.subscribe(topic)
          break
        case 'unsubscribe':
          socket.send(`was ${socket.unsubscribe(topic)}, now ${socket.subscribers(topic)}`)
          break
        case 'publish':
          socket.publish(topic, text)
          break
        case 'topics':
          socket.send(socket.topics.join(' '))
          break
        case 'count':
          socket.send(`${socket.subscribers(topic)}`)
      }
    },
    close: (socket) => counts.push(socket.subscribers(socket.param('topic'))),
  })
  return { app, counts }
}

async function join(server: Server, topic: string): Promise<Client> {
  const client = await Client.open(`${server.url}/${topic}`)
  expect(await client.next()).toBe('open')
  return client
}

const drivers: [string, RunOptions][] = [
  ['one IO thread', { io: 1 }],
  ['three IO threads', { io: 3 }],
  ['IO on the JavaScript thread', { io: 'inline' }],
]

for (const [name, options] of drivers) {
  test(`a message reaches those who subscribe, and not its publisher: ${name}`, async () => {
    const { app, counts } = rooms()
    await using t = await testServer(app, { run: options })
    const clients = await Promise.all(['a', 'a', 'a', 'b'].map((topic) => join(t.server, topic)))
    const [one, two, three, other] = clients as [Client, Client, Client, Client]
    expect([t.server.subscribers('a'), t.server.subscribers('b'), t.server.subscribers('c')]).toEqual([
      3, 1, 0,
    ])
    one.send('publish a first')
    one.send('publish b second')
    expect([await two.next(), await three.next(), await other.next()]).toEqual(['first', 'first', 'second'])
    t.server.publish('a', 'to all')
    t.server.publish('a', Buffer.from([1, 2]))
    for (const client of [one, two, three]) {
      expect(await client.next()).toBe('to all')
      expect(await client.next()).toEqual(Buffer.from([1, 2]))
    }
    two.send('unsubscribe a')
    expect(await two.next()).toBe('was true, now 2')
    two.send('unsubscribe a')
    expect(await two.next()).toBe('was false, now 2')
    two.send('subscribe b')
    two.send('topics')
    expect(await two.next()).toBe('b')
    t.server.publish('a', 'the rest')
    t.server.publish('b', 'b')
    expect([await one.next(), await two.next(), await three.next()]).toEqual(['the rest', 'b', 'the rest'])
    expect(t.server.stats().webSockets).toMatchObject({ open: 4, topics: 2, subscriptions: 4, dropped: 0 })
    one.socket.terminate()
    await until(() => counts.length === 1, 'the end of a socket')
    expect(counts, 'who is gone is not counted').toEqual([1])
    for (const client of clients) client.socket.terminate()
    await until(() => t.server.stats().webSockets.open === 0, 'the end of all')
    expect(t.server.stats().webSockets).toMatchObject({
      topics: 0,
      subscriptions: 0,
      published: 6,
      delivered: 13,
    })
  })

  test(`what one thread says keeps its order, and subscriptions have their place in it: ${name}`, async () => {
    const app = App.new().websocket('/', {
      open(socket) {
        socket.publish('x', 'before')
        socket.send('1')
        socket.subscribe('x')
        server.publish('x', '2')
        socket.send('3')
        server.publish('x', '4')
        socket.unsubscribe('x')
        server.publish('x', 'after')
        socket.subscribe('x')
        server.publish('x', '5')
        for (let n = 6; n < 100; n++) n % 2 === 0 ? socket.send(`${n}`) : server.publish('x', `${n}`)
      },
    })
    await using t = await testServer(app, { run: options })
    const { server } = t
    const client = await Client.open(`${t.url}/`)
    for (let n = 1; n < 100; n++) expect(await client.next()).toBe(`${n}`)
    client.socket.terminate()
  })
}

test('a message of any size is published whole', async () => {
  const { app } = rooms()
  await using t = await testServer(app)
  const clients = await Promise.all([1, 2, 3].map(() => join(t.server, 'a')))
  const sizes = [0, 1, 125, 126, 8191, 8192, 65_535, 65_536, 3 << 20]
  for (const size of sizes) t.server.publish('a', 'ä'.repeat(size / 2) + 'x'.repeat(size % 2))
  for (const client of clients) {
    for (const size of sizes) expect(Buffer.byteLength((await client.next()) as string)).toBe(size)
    client.socket.terminate()
  }
})

test('a slow client is closed, or misses messages, and the others are not held up', async () => {
  const limits = { backlog: '1mb' }
  const open = (socket: Socket) => void socket.subscribe('x')
  const closed: number[] = []
  const app = App.new()
    .websocket('/close', { limits, timeouts: { close: '50ms' }, open, close: (_, code) => closed.push(code) })
    .websocket('/skip', { limits, slow: 'skip', open })
  await using t = await testServer(app)
  await using slow = await RawSocket.open(t.server.port, '/close')
  await using skipping = await RawSocket.open(t.server.port, '/skip')
  slow.socket.pause()
  skipping.socket.pause()
  const quick = await Client.open(`${t.url}/close`)
  await until(() => t.server.subscribers('x') === 3, 'three subscribers')
  const piece = Buffer.alloc(256 << 10)
  const { webSockets } = t.server.stats()
  for (let n = 0; t.server.stats().webSockets.slow === 0 || t.server.stats().webSockets.skipped === 0; n++) {
    t.server.publish('x', piece)
    expect(await quick.next()).toHaveLength(piece.length)
    expect(n).toBeLessThan(2000)
  }
  expect(webSockets).toMatchObject({ slow: 0, skipped: 0 })
  await until(() => closed.length === 1, 'the end of the slow client')
  expect(closed).toEqual([1006])
  expect(t.server.subscribers('x')).toBe(2)
  skipping.discard()
  quick.socket.terminate()
})

test('topics are bounded', async () => {
  const errors: unknown[] = []
  const attempt = (socket: Socket, topic: unknown) => {
    try {
      return socket.subscribe(topic as string)
    } catch (error) {
      errors.push(error)
      return null
    }
  }
  const seen: unknown[] = []
  let late: Socket | undefined
  const app = App.new({ limits: { topics: 3, topicName: 8 } })
    .websocket('/few', {
      limits: { topics: 2 },
      open(socket) {
        late = socket
        seen.push(['', '123456789', 'ääääx', 7, 'a', 'a', 'b', 'c'].map((topic) => attempt(socket, topic)))
        socket.unsubscribe('a')
        seen.push(attempt(socket, 'ääää'))
        socket.close()
      },
      close: () => seen.push('closed'),
    })
    .websocket('/many', {
      open(socket) {
        seen.push(['a', 'b', 'c', 'd'].map((topic) => attempt(socket, topic)))
        socket.unsubscribe('c')
        seen.push(attempt(socket, 'd'))
      },
    })
  await using t = await testServer(app)
  const few = await Client.open(`${t.url}/few`)
  await few.closed
  await until(() => seen.length === 3, 'the end')
  expect(seen.splice(0)).toEqual([[null, null, null, null, true, true, true, null], true, 'closed'])
  const codes = errors.splice(0).map((error) => (error as ArmatureError).code)
  expect(codes).toEqual([...Array(4).fill('ARMATURE_OPTION_INVALID'), 'ARMATURE_TOPIC_LIMIT'])
  expect(late && [attempt(late, 'x'), late.unsubscribe('b'), late.subscribers('b')]).toEqual([false, true, 0])
  const many = await Client.open(`${t.url}/many`)
  await until(() => seen.length === 2, 'a socket')
  expect(seen).toEqual([[true, true, true, null], true])
  expect(errors[0]).toBeInstanceOf(ArmatureError)
  expect(errors[0]).toMatchObject({
    code: 'ARMATURE_TOPIC_LIMIT',
    message: 'no more topics: limits.topics of the application is reached; unsubscribe, or raise it',
  })
  many.socket.terminate()
})

test('what is not sent is a type error', async () => {
  const { app } = rooms()
  await using t = await testServer(app)
  for (const call of [
    () => t.server.publish('a', 7 as never),
    () => t.server.publish(7 as never, ''),
    () => t.server.subscribers(null as never),
  ]) {
    expect(call).toThrow(expect.objectContaining({ name: 'TypeError', code: 'ARMATURE_OPTION_INVALID' }))
  }
  await t.server.close()
  const closed = expect.objectContaining({ code: 'ARMATURE_SERVER_CLOSED' })
  expect(() => t.server.publish('a', '')).toThrow(closed)
  expect(() => t.server.subscribers('a')).toThrow(closed)
})

test.skipIf(isInline)('who publishes faster than a loop delivers is bounded', async () => {
  const app = App.new({ limits: { publishBuffer: '64kb' } })
  app.websocket('/', { limits: { backlog: '1gb' }, open: (socket) => void socket.subscribe('all') })
  await using t = await testServer(app, { run: { io: 1 } })
  const clients = await Promise.all(Array.from({ length: 50 }, () => Client.open(`${t.url}/`)))
  await until(() => t.server.subscribers('all') === 50, 'fifty subscribers')
  const piece = Buffer.alloc(60_000)
  let published = 0
  const counts = () => t.server.stats().webSockets
  // While the loop writes what it has, more comes than may wait for it.
  for (let round = 0; counts().dropped === 0; round++) {
    expect(round).toBeLessThan(50)
    for (let n = 0; n < 100; n++) t.server.publish('all', piece)
    published += 100
    await until(() => counts().published === published, 'the end of a turn')
  }
  await until(() => counts().delivered + 50 * counts().dropped === 50 * published, 'the rest')
  for (const client of clients) client.socket.terminate()
})
