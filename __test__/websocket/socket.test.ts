import { once } from 'node:events'
import { App, type Socket } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { until } from '../helper.js'
import { Client } from './client.js'
import { closing, frame, Op, RawSocket } from './raw.js'

afterEach(() => vi.restoreAllMocks())

const nap = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('both sides hear how it ended', async () => {
  const closed: unknown[] = []
  const app = App.new().websocket('/:how', {
    open(socket) {
      if (socket.param('how') === 'server') socket.close(4000, 'enough')
      if (socket.param('how') === 'cut') socket.terminate()
    },
    close: (socket, code, reason) => closed.push([socket.param('how'), code, reason, socket.signal.aborted]),
  })
  await using t = await testServer(app)
  const server = await Client.open(`${t.url}/server`)
  expect(await server.closed).toEqual([4000, 'enough'])
  const client = await Client.open(`${t.url}/client`)
  client.socket.close(3000, 'bye')
  expect((await client.closed)[0]).toBe(3000)
  const cut = await Client.open(`${t.url}/cut`)
  expect((await cut.closed)[0]).toBe(1006)
  const gone = await Client.open(`${t.url}/gone`)
  gone.socket.terminate()
  await until(() => closed.length === 4, 'four ends')
  expect(closed).toEqual(
    expect.arrayContaining([
      ['server', 4000, 'enough', true],
      ['client', 3000, 'bye', true],
      ['cut', 1006, '', true],
      ['gone', 1006, '', true],
    ]),
  )
  await until(() => t.server.stats().connections === 0, 'no connection')
})

test('a message that is too large closes with 1009', async () => {
  const app = App.new().websocket('/', { limits: { message: 1000, frame: 600 } })
  await using t = await testServer(app)
  for (const bytes of [
    frame(Op.Binary, Buffer.alloc(601)),
    Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]),
  ]) {
    await using client = await RawSocket.open(t.server.port, '/')
    client.send(bytes)
    expect((await client.next())?.payload.readUInt16BE()).toBe(1009)
  }
  await using client = await RawSocket.open(t.server.port, '/')
  client.send(frame(Op.Binary, Buffer.alloc(600), { fin: false }), frame(Op.Continuation, Buffer.alloc(401)))
  expect((await client.next())?.payload.readUInt16BE()).toBe(1009)
})

test('send() says when to stop, and drain when to go on', async () => {
  const states: string[] = []
  let socket: Socket | undefined
  const app = App.new().websocket('/', {
    limits: { sendBuffer: '256kb', backlog: '256mb' },
    open(opened) {
      socket = opened
      const piece = Buffer.alloc(64 * 1024)
      while (opened.send(piece)) states.push('sent')
      states.push(`full at ${opened.bufferedAmount >= 256 * 1024}`)
      // More than the kernel takes while the client reads nothing.
      for (let i = 0; i < 640; i++) opened.send(piece)
    },
    drain: (drained) => states.push(`drain at ${drained.bufferedAmount < 256 * 1024}`),
  })
  await using t = await testServer(app)
  await using client = await RawSocket.open(t.server.port, '/')
  client.socket.pause()
  await until(() => states.includes('full at true'), 'a full buffer')
  await nap(200)
  expect(states.filter((state) => state.startsWith('drain'))).toEqual([])
  expect(socket?.bufferedAmount).toBeGreaterThan(8 << 20)
  client.discard()
  await until(() => states.at(-1) === 'drain at true', 'the drain')
  await until(() => socket?.bufferedAmount === 0, 'an empty buffer')
  expect(states.filter((state) => state.startsWith('drain'))).toHaveLength(1)
})

test('a slow client is closed, or misses messages', async () => {
  const closed: number[] = []
  const limits = { sendBuffer: '64kb', backlog: '1mb' }
  const flood = (socket: Socket<unknown, object>) => {
    const piece = Buffer.alloc(64 * 1024)
    for (let i = 0; i < 2000; i++) socket.send(piece)
    return socket.send('the end')
  }
  const timeouts = { close: '200ms' }
  let buffered = 0
  const app = App.new()
    .websocket('/close', { limits, timeouts, open: flood, close: (_socket, code) => closed.push(code) })
    .websocket('/skip', {
      limits,
      slow: 'skip',
      open(socket) {
        flood(socket)
        buffered = socket.bufferedAmount
      },
    })
  await using t = await testServer(app)
  await using slow = await RawSocket.open(t.server.port, '/close')
  slow.socket.pause()
  // The close frame is behind what the client does not read.
  await until(() => closed.length === 1, 'the end of the slow client')
  await using skipping = await RawSocket.open(t.server.port, '/skip')
  await until(() => buffered > 0, 'a full buffer')
  expect(buffered).toBeLessThanOrEqual(1 << 20)
  for (let i = 0; i < 15; i++) expect((await skipping.next())?.payload.length).toBe(64 * 1024)
})

test('a handler that takes its time holds the client back', async () => {
  let release: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let received = 0
  const app = App.new().websocket('/', {
    limits: { receiveBuffer: '64kb' },
    message: async (_socket, data) => {
      received += data.length
      await gate
    },
  })
  await using t = await testServer(app)
  await using client = await Client.open(t.url)
  const sent = 400 * 64 * 1024
  for (let i = 0; i < 400; i++) client.send(Buffer.alloc(64 * 1024))
  await until(() => received > 0, 'the first message')
  await nap(200)
  expect(received).toBeLessThan(1 << 20)
  release()
  await until(() => received === sent, 'the rest')
})

test('silence is answered with pings, then with the end', async () => {
  const codes: number[] = []
  const app = App.new().websocket('/', {
    timeouts: { ping: '50ms', idle: '600ms', close: '50ms' },
    close: (_socket, code) => codes.push(code),
  })
  await using t = await testServer(app)
  await using alive = await Client.open(t.url)
  await using mute = await RawSocket.open(t.server.port, '/')
  const frames = await mute.rest()
  expect(frames.slice(0, 2).map(({ opcode }) => opcode)).toEqual([Op.Ping, Op.Ping])
  expect(frames.at(-1)?.payload.readUInt16BE()).toBe(1001)
  await until(() => codes.length === 1, 'the end of the mute client')
  expect(codes).toEqual([1006])
  // The other one has answered its pings.
  expect(alive.socket.readyState).toBe(alive.socket.OPEN)
})

test('who does not answer a close frame is cut off', async () => {
  const codes: number[] = []
  const app = App.new().websocket('/', {
    timeouts: { close: '100ms' },
    open: (socket) => socket.close(),
    close: (_socket, code) => codes.push(code),
  })
  await using t = await testServer(app)
  await using client = await RawSocket.open(t.server.port, '/')
  expect((await client.next())?.opcode).toBe(Op.Close)
  expect(await client.next()).toBe(null)
  await until(() => codes.length === 1, 'the end')
  expect(codes).toEqual([1006])
})

test('what handlers throw closes the socket with 1011 and is logged', async () => {
  const log: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    log.push(String(text))
    return true
  })
  const app = App.new().websocket('/:kind', {
    open(socket) {
      if (socket.param('kind') === 'open') throw new Error('open broke')
    },
    async message() {
      throw new Error('message broke')
    },
    close() {
      throw new Error('close broke')
    },
  })
  await using t = await testServer(app)
  const first = await Client.open(`${t.url}/open`)
  expect((await first.closed)[0]).toBe(1011)
  const second = await Client.open(`${t.url}/message`)
  second.send('x')
  expect((await second.closed)[0]).toBe(1011)
  await until(() => log.join('').split('close broke').length > 2, 'the log')
  expect(log.join('')).toMatch(/WebSocket \/:kind: open failed \(request [\w-]+\)\nError: open broke/)
  expect(log.join('')).toContain('message broke')
})

test('parse makes typed messages, and refuses others with 1007', async () => {
  const app = App.new().websocket('/', {
    parse: (data) => JSON.parse(String(data)) as { add: number[] },
    message: (socket, { add }) => void socket.send(String(add.reduce((a, b) => a + b, 0))),
  })
  await using t = await testServer(app)
  const client = await Client.open(t.url)
  client.send('{"add":[1,2,3]}')
  expect(await client.next()).toBe('6')
  client.send('{"add"')
  expect(await client.closed).toEqual([1007, 'the message cannot be read'])
})

test('arguments of send() and close() are checked; a closed socket sends nothing', async () => {
  let socket: Socket<unknown, object> | undefined
  const app = App.new().websocket('/', {
    open(opened) {
      socket = opened
    },
  })
  await using t = await testServer(app)
  const client = await Client.open(t.url)
  await until(() => socket !== undefined, 'the socket')
  const open = socket as unknown as Socket
  expect(() => open.send({} as never)).toThrow('send(): an instance of Object is not a string or bytes')
  for (const code of [999, 1004, 1005, 1006, 1015, 2000, 5000, 1.5])
    expect(() => open.close(code)).toThrow('code')
  expect(() => open.close(1000, 'x'.repeat(124))).toThrow('at most 123 bytes')
  expect(() => open.param('nothing')).toThrow("no parameter 'nothing'")
  expect(open.send(new Uint16Array([1]).buffer)).toBe(true)
  expect(await client.next()).toEqual(Buffer.from([1, 0]))
  open.close()
  expect(open.send('late')).toBe(false)
  expect(await client.closed).toEqual([1000, ''])
  expect(await client.next()).toBe(null)
})

test('a server that closes says 1001, and waits for the goodbye', async () => {
  const codes: number[] = []
  const app = App.new().websocket('/', { close: (_socket, code) => codes.push(code) })
  const t = await testServer(app)
  const clients = await Promise.all([1, 2, 3].map(() => Client.open(t.url)))
  await t.server.close()
  for (const client of clients) expect(await client.closed).toEqual([1001, 'the server is closing'])
  expect(codes).toEqual([1001, 1001, 1001])
})

test('pings are answered while the handlers are busy, and a flood of them is bounded', async () => {
  const app = App.new().websocket('/', { message: (socket) => void socket.send('done') })
  await using t = await testServer(app)
  await using client = await RawSocket.open(t.server.port, '/')
  client.socket.pause()
  for (let i = 0; i < 2000; i++) client.send(...Array(20).fill(frame(Op.Ping, Buffer.alloc(125))))
  client.send(frame(Op.Text, 'x'), frame(Op.Close, closing(1000)))
  client.socket.resume()
  const frames = await client.rest()
  expect(frames.filter(({ opcode }) => opcode === Op.Text)).toHaveLength(1)
  expect(frames.at(-1)?.opcode).toBe(Op.Close)
})

test('a socket is no request in flight, and keeps nobody else from the lane', async () => {
  const app = App.new({ limits: { inFlight: 2 } })
    .websocket('/', { message: (socket, data) => void socket.send(data) })
    .get('/plain', () => 'plain')
  await using t = await testServer(app)
  const clients: Client[] = []
  while (clients.length < 4) clients.push(await Client.open(t.url))
  expect(await (await t.fetch('/plain')).text()).toBe('plain')
  expect(t.server.stats().lanes[0]?.pending).toBe(0)
  for (const client of clients) {
    client.send('still here')
    expect(await client.next()).toBe('still here')
    client.socket.terminate()
    await once(client.socket, 'close')
  }
})
