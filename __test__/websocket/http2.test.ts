// WebSocket over HTTP/2 (RFC 8441), with the client of Node.js and raw frames: the same handlers, checks and limits.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import type { ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders, Settings } from 'node:http2'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { App } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { until } from '../helper.js'
import { Session } from '../http2-client.js'
import { needsPython } from '../python.js'
import { Deflater, Inflater } from './flate.js'
import { closing, frame, Op, RawSocket } from './raw.js'

const closed: [path: string, code: number, reason: string][] = []
const app = () =>
  App.new()
    .websocket('/echo/:name', {
      protocols: ['v2', 'v1'],
      deflate: { contextTakeover: true, threshold: 0 },
      limits: { message: '2mb' },
      upgrade: (req) => ({ seen: [req.method, req.protocol, req.header('host'), req.header('x-more')] }),
      message: (socket, data) => void socket.send(data === 'who' ? JSON.stringify(socket.data.seen) : data),
      close: (socket, code, reason) => closed.push([socket.param('name'), code, reason]),
    })
    .get('/plain', () => 'plain')

/** A session whose server has said that it takes extended CONNECTs. */
async function ready(t: TestServer): Promise<Session> {
  const client = new Session(t)
  const [settings] = (await once(client.session, 'remoteSettings')) as [Settings]
  expect(settings.enableConnectProtocol).toBe(true)
  return client
}

interface Opened {
  stream: ClientHttp2Stream
  head: IncomingHttpHeaders
}

async function connect(client: Session, path: string, headers: OutgoingHttpHeaders = {}): Promise<Opened> {
  const version = { 'sec-websocket-version': '13' }
  const extended = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ...version,
    ...headers,
  }
  const stream = client.begin(path, extended, false)
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  return { stream, head }
}

/** A socket, or the refusal as an error. */
async function open(client: Session, path: string, headers: OutgoingHttpHeaders = {}): Promise<RawSocket> {
  const { stream, head } = await connect(client, path, headers)
  if (head[':status'] !== 200) throw new Error(`${head[':status']}: ${await text(stream)}`)
  return new RawSocket(stream)
}

test('an extended CONNECT opens the socket that an upgrade would', async () => {
  await using t = await testServer(app())
  await using client = await ready(t)
  const { stream, head } = await connect(client, '/echo/a', {
    'sec-websocket-protocol': 'v1, v2',
    'x-more': 'yes',
  })
  expect(head).toMatchObject({ ':status': 200, 'sec-websocket-protocol': 'v2' })
  for (const name of ['sec-websocket-accept', 'upgrade', 'connection', 'content-length'])
    expect(head).not.toHaveProperty(name)
  await using socket = new RawSocket(stream)
  socket.send(frame(Op.Text, 'who'))
  const seen = JSON.parse((await socket.next())?.payload.toString() as string)
  expect(seen).toEqual(['GET', 'HTTP/2', new URL(t.url).host, 'yes'])
  socket.send(frame(Op.Ping, 'ping'))
  expect(await socket.next()).toMatchObject({ opcode: Op.Pong, payload: Buffer.from('ping') })
  socket.send(frame(Op.Close, closing(3000, 'bye')))
  expect((await socket.next())?.payload.readUInt16BE()).toBe(3000)
  expect(await socket.next()).toBe(null)
  await until(() => closed.some(([path]) => path === 'a'), 'the close handler')
  expect(closed).toContainEqual(['a', 3000, 'bye'])
  expect((await client.ask('/plain')).body).toBe('plain')
})

test('messages that are larger than the windows pass in both directions', async () => {
  await using t = await testServer(app())
  await using client = await ready(t)
  await using socket = await open(client, '/echo/b')
  for (const size of [0, 1, 65_535, 65_536, 2 << 20]) {
    const message = Buffer.alloc(size, size % 251)
    socket.send(frame(Op.Binary, message))
    const back = await socket.next()
    expect(back?.payload.equals(message)).toBe(true)
  }
  await socket.chop(frame(Op.Text, 'byte by byte'), 1)
  expect((await socket.next())?.payload.toString()).toBe('byte by byte')
})

test('the same limits hold', async () => {
  await using t = await testServer(app())
  await using client = await ready(t)
  await using large = await open(client, '/echo/c')
  large.send(frame(Op.Binary, Buffer.alloc((2 << 20) + 1)))
  expect((await large.next())?.payload.readUInt16BE()).toBe(1009)
  await using wrong = await open(client, '/echo/c')
  wrong.send(frame(Op.Text, 'x', { masked: false }))
  expect((await wrong.next())?.payload.readUInt16BE()).toBe(1002)
})

test('messages are compressed where that is agreed on', async () => {
  await using t = await testServer(app())
  await using client = await ready(t)
  const offer = { 'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits' }
  const { stream, head } = await connect(client, '/echo/d', offer)
  expect(head['sec-websocket-extensions']).toBe('permessage-deflate')
  await using socket = new RawSocket(stream)
  socket.head = '\r\nsec-websocket-extensions: permessage-deflate'
  const [deflater, inflater] = [new Deflater(), new Inflater()]
  for (let i = 0; i < 20; i++) {
    const message = Buffer.from(`message ${i} that is like the others`)
    socket.send(frame(Op.Text, await deflater.message(message), { rsv: 4 }))
    const back = await socket.next()
    expect(back?.compressed).toBe(true)
    expect((await inflater.message(back?.payload as Buffer)).equals(message)).toBe(true)
  }
})

test('what cannot become a socket is refused', async () => {
  await using t = await testServer(app())
  await using client = await ready(t)
  for (const [path, headers, status, code] of [
    ['/echo/x', { origin: 'https://evil.example' }, 403, 'ARMATURE_ORIGIN_FORBIDDEN'],
    ['/echo/x', { 'sec-websocket-version': '8' }, 426, 'ARMATURE_UPGRADE_REQUIRED'],
    ['/echo/x', { 'sec-websocket-extensions': ';' }, 400, 'ARMATURE_WEBSOCKET_HANDSHAKE'],
    ['/echo/x', { ':protocol': 'connect-udp' }, 501, 'ARMATURE_NOT_IMPLEMENTED'],
    ['/plain', {}, 501, 'ARMATURE_NOT_IMPLEMENTED'],
    ['/nothing', {}, 404, 'ARMATURE_NOT_FOUND'],
  ] as const) {
    const { stream, head } = await connect(client, path, headers)
    const body = JSON.parse(await text(stream))
    expect([head[':status'], body.code], JSON.stringify(headers)).toEqual([status, code])
    stream.close()
  }
  // Without :protocol it is an ordinary request, which asks for no socket.
  expect((await client.ask('/echo/x')).status).toBe(426)
  await using same = await open(client, '/echo/e', { origin: `http://${new URL(t.url).host}` })
  same.send(frame(Op.Text, 'in'))
  expect((await same.next())?.payload.toString()).toBe('in')
})

test('many sockets share a connection with requests, and end with it', async () => {
  closed.length = 0
  await using t = await testServer(app())
  const client = await ready(t)
  const sockets = await Promise.all(Array.from({ length: 50 }, (_, i) => open(client, `/echo/${i}`)))
  for (let round = 0; round < 5; round++) {
    for (const [i, socket] of sockets.entries()) socket.send(frame(Op.Text, `${round} of ${i}`))
    expect((await client.ask('/plain')).body).toBe('plain')
    for (const [i, socket] of sockets.entries())
      expect((await socket.next())?.payload.toString()).toBe(`${round} of ${i}`)
  }
  expect(t.server.stats()).toMatchObject({ connections: 1, inFlight: 0 })
  // One goes alone; the others with their connection.
  sockets[0]?.socket.destroy()
  await until(() => closed.length === 1, 'the first end')
  client.session.destroy()
  await until(() => closed.length === 50, 'the other ends')
  expect(new Set(closed.map(([, code]) => code))).toEqual(new Set([1006]))
  await until(() => t.server.stats().connections === 0, 'no connection')
})

test('a server that closes says 1001, and waits for the goodbye', async () => {
  closed.length = 0
  const t = await testServer(app())
  await using client = await ready(t)
  await using socket = await open(client, '/echo/f')
  const ending = t.server.close()
  const goodbye = await socket.next()
  expect([goodbye?.opcode, goodbye?.payload.readUInt16BE()]).toEqual([Op.Close, 1001])
  socket.send(frame(Op.Close, closing(1001)))
  await ending
  expect(closed).toEqual([['f', 1001, '']])
})

test('a client that does not read holds its own socket up alone', async () => {
  let sent = 0
  const flood = App.new()
    .websocket('/flood', {
      limits: { sendBuffer: '64kb', backlog: '128mb' },
      open(socket) {
        while (socket.send(Buffer.alloc(64 * 1024))) sent++
      },
      drain(socket) {
        while (sent < 300 && socket.send(Buffer.alloc(64 * 1024))) sent++
        sent++
      },
    })
    .get('/plain', () => 'plain')
  await using t = await testServer(flood)
  await using client = await ready(t)
  const { stream } = await connect(client, '/flood')
  stream.pause()
  // Each answer goes through the loop and the thread that would send on with every `drain`: by then it would have sent all.
  for (let asked = 0; asked < 300; asked++) expect((await client.ask('/plain')).body).toBe('plain')
  expect(sent).toBeLessThan(100)
  let received = 0
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  stream.resume()
  await until(() => received > 300 * 64 * 1024, 'the flood')
  stream.close()
})

test('raw frames', { timeout: 120_000 }, async (context) => {
  const env = { ...process.env, ...needsPython(context, 'h2==4.4.1') }
  await using t = await testServer(app())
  const script = join(import.meta.dirname, '../peers/h2_websocket.py')
  const { stdout } = await promisify(execFile)('python3', [script, String(t.server.port)], { env })
  expect(JSON.parse(stdout)).toEqual({
    setting: 1,
    'in pieces': ['200', 'hello'],
    padded: ['200', 'padded'],
    'before the answer': ['200', 'early'],
    'end inside a frame': ['200', 'end'],
    'end at once': ['200', 'end'],
    'with a length': ['400'],
    'no protocol': ['501'],
    'protocol of a GET': ['reset PROTOCOL_ERROR'],
    'without a path': ['reset PROTOCOL_ERROR'],
    'with a connection field': ['reset PROTOCOL_ERROR'],
    after: ['200', 'still here'],
  })
})
