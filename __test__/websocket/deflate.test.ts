// permessage-deflate (RFC 7692) between the raw client and the server, and with the `ws` package.
import { App, type WebSocketOptions } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient } from '../helper.js'
import { Client } from './client.js'
import { Deflater, Inflater } from './flate.js'
import { frame, HANDSHAKE, Op, RawSocket } from './raw.js'

const echo = (options: WebSocketOptions) =>
  App.new().websocket('/', { ...options, message: (socket, data) => void socket.send(data) })

const offering = (offer: string) => `${HANDSHAKE}sec-websocket-extensions: ${offer}\r\n`

/** The extensions of the answer. */
async function agreed(port: number, offer: string): Promise<string | undefined> {
  await using client = await RawSocket.open(port, '/', offering(offer))
  expect(client.head).toMatch(/^HTTP\/1\.1 101 /)
  return /sec-websocket-extensions: (.*)\r\n/i.exec(client.head)?.[1]
}

test('it is off unless the route says so, and what a handler claims does not turn it on', async () => {
  const app = App.new()
    .wrap(async (_req, next) => (await next()).header('sec-websocket-extensions', 'permessage-deflate'))
    .websocket('/', { message: (socket, data) => void socket.send(data) })
  await using t = await testServer(app)
  expect(await agreed(t.server.port, 'permessage-deflate')).toBeUndefined()
  await using client = await RawSocket.open(t.server.port, '/', offering('permessage-deflate'))
  client.send(frame(Op.Text, 'x', { rsv: 4 }))
  expect((await client.next())?.payload.readUInt16BE()).toBe(1002)
})

test('all four parameters are negotiated', async () => {
  await using none = await testServer(echo({ deflate: true }))
  await using full = await testServer(echo({ deflate: { contextTakeover: true, windowBits: 12 } }))
  const without = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
  for (const [server, offer, answer] of [
    [none, 'permessage-deflate', without],
    [none, 'permessage-deflate; client_max_window_bits', without],
    [none, 'permessage-deflate; client_max_window_bits=9', `${without}; client_max_window_bits=9`],
    [none, 'permessage-deflate; server_max_window_bits=8', `${without}; server_max_window_bits=8`],
    [full, 'permessage-deflate', 'permessage-deflate; server_max_window_bits=12'],
    [
      full,
      'permessage-deflate; client_max_window_bits; server_max_window_bits=10',
      'permessage-deflate; server_max_window_bits=10; client_max_window_bits=12',
    ],
    [
      full,
      'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
      `${without}; server_max_window_bits=12`,
    ],
    [none, 'permessage-deflate; more=1, permessage-deflate; server_max_window_bits=16', undefined],
    [none, 'x-other, permessage-deflate; more', undefined],
  ] as const) {
    expect(await agreed(server.server.port, offer), offer).toBe(answer)
  }
  await using raw = await RawClient.to(none.server.port)
  const malformed = await raw.get('/', offering('permessage-deflate;').replace('host: test\r\n', ''))
  expect([malformed.status, JSON.parse(malformed.body).code]).toEqual([400, 'ARMATURE_WEBSOCKET_HANDSHAKE'])
})

test('a window of any size is kept to, whatever the level', async () => {
  const text = Array.from({ length: 600 }, (_, i) => `${i % 37} is ${(i * 7919) % 101};`).join(' ')
  for (const level of [1, 2, 3, 6, 9]) {
    await using t = await testServer(echo({ deflate: { threshold: 0, level, contextTakeover: true } }))
    for (const windowBits of [8, 9, 10, 15]) {
      const offer = `permessage-deflate; server_max_window_bits=${windowBits}`
      await using client = await RawSocket.open(t.server.port, '/', offering(offer))
      const inflater = new Inflater({ windowBits })
      let compressed = 0
      for (const message of [text, text.slice(100), text.slice(0, 500), text]) {
        client.send(frame(Op.Text, message))
        const back = await client.next()
        if (back?.compressed) compressed++
        const content = back?.compressed ? await inflater.message(back.payload) : back?.payload
        expect(content?.toString()).toBe(message)
      }
      expect(compressed, `${level} ${windowBits}`).toBeGreaterThan(2)
    }
  }
})

test('small messages, and those that get no smaller, are sent as they are', async () => {
  await using t = await testServer(echo({ deflate: { threshold: 100 } }))
  await using client = await RawSocket.open(t.server.port, '/', offering('permessage-deflate'))
  const noise = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * i * 31 + ((i * 7) % 13) * 101) % 251))
  for (const [message, compressed] of [
    [Buffer.alloc(99, 'x'), undefined],
    [Buffer.alloc(100, 'x'), true],
    [Buffer.alloc(0), undefined],
    [await new Deflater().message(noise), undefined],
  ] as const) {
    client.send(frame(Op.Binary, message))
    expect((await client.next())?.compressed).toBe(compressed)
  }
})

test('RSV1 stands on the first frame of a message and nowhere else', async () => {
  await using t = await testServer(echo({ deflate: true }))
  const hello = await new Deflater().message(Buffer.from('Hello'))
  const [head, rest] = [hello.subarray(0, 3), hello.subarray(3)]
  for (const [frames, code] of [
    [[frame(Op.Text, head, { rsv: 4, fin: false }), frame(Op.Continuation, rest, { rsv: 4 })], 1002],
    [[frame(Op.Text, 'a', { fin: false }), frame(Op.Continuation, rest, { rsv: 4 })], 1002],
    [[frame(Op.Ping, '', { rsv: 4 })], 1002],
    [[frame(Op.Close, '', { rsv: 4 })], 1002],
    [[frame(Op.Text, hello, { rsv: 6 })], 1002],
    [[frame(Op.Text, hello, { rsv: 5 })], 1002],
    [[frame(Op.Text, 'this is not deflate', { rsv: 4 })], 1007],
    [[frame(Op.Text, hello.subarray(0, -1), { rsv: 4 })], 1007],
    [[frame(Op.Text, await new Deflater().message(Buffer.from([0xff, 0xfe])), { rsv: 4 })], 1007],
  ] as const) {
    await using client = await RawSocket.open(t.server.port, '/', offering('permessage-deflate'))
    client.send(...frames)
    expect((await client.next())?.payload.readUInt16BE()).toBe(code)
  }
  await using client = await RawSocket.open(t.server.port, '/', offering('permessage-deflate'))
  client.send(
    frame(Op.Text, head, { rsv: 4, fin: false }),
    frame(Op.Ping, 'between'),
    frame(Op.Continuation, rest),
    frame(Op.Text, 'plain'),
  )
  const frames = [await client.next(), await client.next(), await client.next()]
  expect(frames.map((each) => each?.payload.toString())).toEqual(['between', 'Hello', 'plain'])
})

test('a bomb closes with 1009, and the limits are those of what comes out', async () => {
  await using t = await testServer(echo({ deflate: { threshold: '16mb' }, limits: { message: '64kb' } }))
  const open = () => RawSocket.open(t.server.port, '/', offering('permessage-deflate'))
  const most = await new Deflater().message(Buffer.alloc(64 * 1024, 'x'))
  const bomb = await new Deflater().message(Buffer.alloc(20 << 20))
  expect(bomb.length).toBeLessThan(64 * 1024)
  await using fits = await open()
  fits.send(frame(Op.Text, most, { rsv: 4 }))
  expect((await fits.next())?.payload.length).toBe(64 * 1024)
  await using closed = await open()
  closed.send(frame(Op.Text, bomb, { rsv: 4 }))
  expect((await closed.next())?.payload.readUInt16BE()).toBe(1009)
})

test('many small messages that become large ones do not fill the memory', async () => {
  let [received, unhandled, most] = [0, 0, 0]
  const waiting: (() => void)[] = []
  const app = App.new()
    .websocket('/', {
      deflate: true,
      message: async (_socket, data) => {
        received += data.length
        unhandled += data.length
        most = Math.max(most, unhandled)
        await new Promise<void>((resolve) => waiting.push(resolve))
        unhandled -= data.length
      },
    })
    .websocket('/echo', { message: (socket, data) => void socket.send(data) })
  await using t = await testServer(app, { run: { io: 1 } })
  await using client = await RawSocket.open(t.server.port, '/', offering('permessage-deflate'))
  await using other = await RawSocket.open(t.server.port, '/echo')
  const megabyte = await new Deflater({ takeover: false }).message(Buffer.alloc(1 << 20))
  const one = frame(Op.Binary, megabyte, { rsv: 4 })
  expect(one.length).toBeLessThan(1200)
  // One read has more than fifty of them, which the loop would hand on before it looks at the other socket.
  client.send(...Array(200).fill(one))
  client.send(frame(Op.Ping, 'behind'))
  while (received < 200 << 20) {
    other.send(frame(Op.Text, 'turn'))
    expect((await other.next())?.payload.toString()).toBe('turn')
    for (const handled of waiting.splice(0)) handled()
  }
  for (const handled of waiting) handled()
  expect((await client.next())?.payload.toString()).toBe('behind')
  expect(most).toBeLessThanOrEqual(4 << 20)
})

test('contexts end where the memory for them does', async () => {
  const deflate = { contextTakeover: true, memory: '64kb' }
  await using t = await testServer(echo({ deflate }))
  const clients: RawSocket[] = []
  for (let i = 0; i < 3; i++) {
    clients.push(await RawSocket.open(t.server.port, '/', offering('permessage-deflate')))
  }
  const without = clients.map(({ head }) => head.includes('client_no_context_takeover'))
  expect(without).toEqual([false, false, true])
  for (const client of clients) client.socket.destroy()
  await expect.poll(() => agreed(t.server.port, 'permessage-deflate')).toBe('permessage-deflate')
})

test('the client of ws is understood, and understands', async () => {
  for (const deflate of [true, { contextTakeover: true, threshold: 0, windowBits: 10 }]) {
    await using t = await testServer(echo({ deflate }))
    await using client = await Client.open(t.url, [], { perMessageDeflate: { threshold: 0 } })
    expect(client.socket.extensions).toContain('permessage-deflate')
    const messages: (string | Buffer)[] = ['', 'hello', 'ü€😀'.repeat(1000), Buffer.alloc(100_000, 'abc')]
    for (let i = 0; i < 50; i++) messages.push(`message ${i} `.repeat(i * 7))
    for (const message of messages) client.send(message)
    for (const message of messages) {
      const back = (await client.next()) as Buffer
      expect(Buffer.from(back).equals(Buffer.from(message as string))).toBe(true)
    }
  }
})

test('mistakes are named', async () => {
  const run = (deflate: unknown) =>
    App.new()
      .websocket('/', { deflate } as never)
      .run(0)
  await expect(run('yes')).rejects.toThrow("ws().deflate: 'yes' is not true, false or an object")
  await expect(run({ level: 10 })).rejects.toThrow('ws().deflate.level: 10 is not a whole number from 1 to 9')
  await expect(run({ windowBits: 7 })).rejects.toThrow('ws().deflate.windowBits: 7 is not a whole number')
})
