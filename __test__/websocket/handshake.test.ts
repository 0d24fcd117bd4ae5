import { App, get, HttpError, HttpResponse, middleware, ws } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient, type RawReply } from '../helper.js'
import { Client } from './client.js'
import { HANDSHAKE, RawSocket } from './raw.js'

const echo = {
  message: (socket: { send(data: string | Buffer): boolean }, data: string | Buffer) => socket.send(data),
}

/** The answer to a request for a WebSocket. */
async function answer(port: number, path: string, headers = ''): Promise<RawReply> {
  await using client = await RawClient.to(port)
  return await client.get(path, HANDSHAKE.replace('host: test\r\n', '') + headers)
}

test('what is no handshake is refused with what would be one', async () => {
  await using t = await testServer(
    App.new().route(
      '/ws',
      ws(echo).post(() => 'posted'),
    ),
  )
  await using client = await RawClient.to(t.server.port)
  const plain = await client.get('/ws')
  expect([plain.status, plain.headers.upgrade]).toEqual([426, 'websocket'])
  const old = await client.get('/ws', HANDSHAKE.replace('host: test\r\n', '').replace(': 13', ': 8'))
  expect([old.status, old.headers['sec-websocket-version']]).toEqual([426, '13'])
  const keyless = await client.get(
    '/ws',
    HANDSHAKE.replace('host: test\r\n', '').replace(/sec-websocket-key.*\r\n/, ''),
  )
  expect([keyless.status, JSON.parse(keyless.body).code]).toEqual([400, 'ARMATURE_WEBSOCKET_HANDSHAKE'])
  expect(await (await t.fetch('/ws', { method: 'POST' })).text()).toBe('posted')
  expect((await t.fetch('/ws', { method: 'PUT' })).status).toBe(405)
})

test('the accept key is that of the RFC', async () => {
  await using t = await testServer(App.new().websocket('/', echo))
  await using client = await RawSocket.open(t.server.port, '/')
  expect(client.head).toMatch(/^HTTP\/1\.1 101 /)
  expect(client.head.toLowerCase()).toContain('sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=')
})

test('pages of other origins do not get in, unless they are listed', async () => {
  const app = App.new()
    .websocket('/same', echo)
    .websocket('/any', { ...echo, origins: '*' })
    .websocket('/list', { ...echo, origins: ['https://app.example'] })
  await using t = await testServer(app)
  const ask = (path: string, origin: string) => answer(t.server.port, path, `origin: ${origin}\r\n`)
  const from = async (path: string, origin: string) => (await ask(path, origin)).status
  expect(await from('/same', 'https://test')).toBe(101)
  expect(await from('/same', 'https://evil.example')).toBe(403)
  expect(await from('/any', 'https://evil.example')).toBe(101)
  expect(await from('/list', 'https://app.example')).toBe(101)
  expect(await from('/list', 'https://test')).toBe(403)
  expect(JSON.parse((await ask('/same', 'null')).body).code).toBe('ARMATURE_ORIGIN_FORBIDDEN')
})

test('the first subprotocol of ours that the client offers is spoken', async () => {
  const app = App.new().websocket('/', {
    protocols: ['v2', 'v1'],
    open: (socket) => void socket.send(socket.protocol),
  })
  await using t = await testServer(app)
  for (const [offered, chosen] of [
    [['v1', 'v2'], 'v2'],
    [['v0', 'v1'], 'v1'],
  ] as const) {
    await using client = await Client.open(t.url, [...offered])
    expect(client.socket.protocol).toBe(chosen)
    expect(await client.next()).toBe(chosen)
  }
  await using none = await Client.open(t.url)
  expect(await none.next()).toBe('')
})

test('upgrade decides, inside the middleware, and its value is the data of the socket', async () => {
  const auth = middleware<{ user: string }>(async (req, next) => {
    const user = req.queryParam('user')
    if (user === undefined) return HttpResponse.unauthorized('who are you?')
    req.locals.user = user
    return (await next()).header('x-seen', '1')
  })
  const app = App.new()
    .wrap(auth)
    .websocket('/rooms/:room', {
      upgrade: async (req) => {
        if (req.locals.user === 'eve') throw new HttpError(403, 'not you')
        if (req.locals.user === 'bob') return HttpResponse.text('go away').status(418)
        return { user: req.locals.user }
      },
      open: (socket) => void socket.send(`${socket.data.user} in ${socket.param('room')} as ${socket.id}`),
    })
  await using t = await testServer(app)
  const url = `${t.url}/rooms/caf%C3%A9?user=`
  await using client = await Client.open(`${url}ada`)
  expect(await client.next()).toMatch(/^ada in café as [\w-]+$/)
  for (const [query, status, body] of [
    ['', 401, 'who are you?'],
    ['?user=eve', 403, 'not you'],
    ['?user=bob', 418, 'go away'],
  ] as const) {
    const refusal = await answer(t.server.port, `/rooms/x${query}`)
    expect([refusal.status, refusal.body]).toEqual([status, expect.stringContaining(body)])
  }
  await using raw = await RawSocket.open(t.server.port, '/rooms/x?user=ada')
  expect(raw.head).toContain('x-seen: 1')
})

test('middleware may answer instead', async () => {
  let opened = 0
  const app = App.new()
    .wrap(async (_req, next) => {
      await next()
      return HttpResponse.text('replaced')
    })
    .websocket('/', { open: () => opened++ })
  await using t = await testServer(app)
  expect(await answer(t.server.port, '/')).toMatchObject({ status: 200, body: 'replaced' })
  expect(opened).toBe(0)
})

test('an injected request cannot become a socket', async () => {
  const app = App.new().websocket('/', echo)
  expect((await app.inject('/')).status).toBe(426)
})

test('mistakes are named', async () => {
  const websocket = (options: object) => () => App.new().websocket('/', options as never)
  expect(websocket({ message: 1 })).toThrow('ws().message: a number is not a function')
  expect(websocket({ protocols: ['a b'] })).toThrow("ws().protocols: 'a b' is not a list of subprotocols")
  expect(() => App.new().websocket('/', (() => {}) as never)).toThrow("websocket '/'")
  for (const [options, message] of [
    [{ limits: { message: 0 } }, 'ws().limits.message: 0b is not a size from 1b to 256mb'],
    [{ mesage() {} }, 'ws().mesage is not an option'],
    [{ timeouts: { idle: Number.NaN } }, 'ws().timeouts.idle: NaN is not a duration'],
    [{ slow: 'drop' }, "ws().slow: 'drop' is not one of 'close', 'skip'"],
  ] as const) {
    await expect(
      App.new()
        .websocket('/', options as never)
        .run(0),
    ).rejects.toThrow(message)
  }
  expect(() =>
    App.new()
      .route('/', ws(echo))
      .route(
        '/',
        get(() => ''),
      ),
  ).toThrow('conflicts')
  expect(String(App.new().websocket('/', echo).explain('/'))).toContain('answered by ws')
})
