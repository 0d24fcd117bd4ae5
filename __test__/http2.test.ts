// HTTP/2 by prior knowledge, with the client of Node.js and with curl and nghttp, for handlers in JavaScript.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { constants } from 'node:http2'
import { promisify } from 'node:util'
import { App, fixed, HttpError, HttpResponse, RequestId } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { Authority } from './certificates.js'
import { needsTool, until } from './helper.js'
import { Session } from './http2-client.js'

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = constants

test('a request is what it is in HTTP/1', async () => {
  const app = App.new().post('/users/:id', async (req) => ({
    protocol: req.protocol,
    method: req.method,
    id: req.param('id'),
    query: req.queryParam('q'),
    host: req.host,
    cookies: [req.cookie('a'), req.cookie('b')],
    body: await req.text(),
  }))
  await using t = await testServer(app)
  await using client = new Session(t)
  const headers = { ':method': 'POST', cookie: ['a=1', 'b=2'], host: undefined }
  for (const body of ['hello', 'x'.repeat(300_000)]) {
    const reply = await client.ask('/users/7?q=1', headers, body)
    expect(reply.status).toBe(200)
    expect(JSON.parse(reply.body)).toEqual({
      protocol: 'HTTP/2',
      method: 'POST',
      id: '7',
      query: '1',
      host: new URL(t.url).host,
      cookies: ['1', '2'],
      body,
    })
    expect(reply.headers.date).toMatch(/GMT$/)
  }
  expect((await client.ask('/nothing')).status).toBe(404)
  expect(t.server.stats()).toMatchObject({ connections: 1, requests: 3, malformed: 0, floods: 0 })
})

test('names of fields are in lower case, however handlers and options write them', async () => {
  const long = `X-${'Long'.repeat(40)}`
  const upper = (response: HttpResponse) =>
    response.header('X-Upper', '1').append('X-UPPER', '2').header(long, '3')
  const app = App.new()
    .wrap(RequestId.new({ header: 'X-Request-ID' }))
    .get('/text', () => upper(HttpResponse.text('a')))
    .get('/stream', () => upper(HttpResponse.stream(['a'])))
    .get('/fixed', fixed(upper(HttpResponse.text('a'))))
    .get('/web', () => {
      const headers = new Headers([
        ['X-Upper', '1'],
        ['X-UPPER', '2'],
        [long, '3'],
      ])
      return new Response('a', { headers })
    })
    .get('/error', () => {
      throw new HttpError(418, 'a', { headers: { 'X-Upper': '1, 2', [long]: 3 } })
    })
  await using t = await testServer(app)
  await using client = new Session(t)
  for (const path of ['/text', '/stream', '/fixed', '/web', '/error']) {
    const { headers } = await client.ask(path)
    expect(headers, path).toMatchObject({ 'x-upper': '1, 2', [long.toLowerCase()]: '3' })
    expect(headers, path).toHaveProperty('x-request-id')
  }
  expect(t.server.stats().connections).toBe(1)
})

test('many at once, in any order', async () => {
  const waiting = new Map<string, () => void>()
  const app = App.new().get('/:n', async (req) => {
    const n = req.param('n')
    await new Promise<void>((resolve) => waiting.set(n, resolve))
    return n
  })
  await using t = await testServer(app)
  await using client = new Session(t)
  const names = Array.from({ length: 100 }, (_, n) => String(n))
  const answers = names.map((n) => client.ask(`/${n}`))
  await until(() => waiting.size === 100)
  for (const n of names.toReversed()) waiting.get(n)?.()
  expect((await Promise.all(answers)).map((reply) => reply.body)).toEqual(names)
})

test('streams go both ways at once', async () => {
  const app = App.new().post('/', (req) => HttpResponse.stream(req))
  await using t = await testServer(app)
  await using client = new Session(t)
  const stream = client.begin('/', { ':method': 'POST' }, false)
  for (const piece of ['one', 'two', 'three']) {
    stream.write(piece)
    const [back] = await once(stream, 'data')
    expect(String(back)).toBe(piece)
  }
  stream.end()
  await once(stream, 'end')
})

test('a stream that fails is reset, and no other', async () => {
  const app = App.new()
    .get('/fails', () =>
      HttpResponse.stream(async function* () {
        yield 'x'.repeat(100_000)
        throw new Error('no more')
      }),
    )
    .get('/', () => 'fine')
  await using t = await testServer(app)
  await using client = new Session(t)
  const stream = client.begin('/fails')
  stream.resume()
  await new Promise((resolve) => stream.once('close', resolve))
  expect(stream.rstCode).toBe(NGHTTP2_INTERNAL_ERROR)
  expect((await client.ask('/')).body).toBe('fine')
})

test('a client that gives up aborts the signal of its request', async () => {
  const aborted: unknown[] = []
  let begun = 0
  const app = App.new()
    .get('/', async (req) => {
      begun += 1
      await once(req.signal, 'abort')
      aborted.push((req.signal.reason as { code?: string }).code)
      return 'late'
    })
    .get('/fine', () => 'fine')
  await using t = await testServer(app)
  await using client = new Session(t)
  const stream = client.begin('/')
  await until(() => begun === 1)
  stream.close(NGHTTP2_CANCEL)
  await until(() => aborted.length === 1)
  expect((await client.ask('/fine')).body).toBe('fine')
  client.begin('/')
  await until(() => begun === 2)
  client.session.destroy()
  await until(() => aborted.length === 2 && t.server.stats().connections === 0)
  expect(aborted).toEqual(['ARMATURE_CLIENT_GONE', 'ARMATURE_CLIENT_GONE'])
  expect(t.server.stats()).toMatchObject({ inFlight: 0, slots: { used: 0 } })
})

test('a client that does not read holds its producer back, and nobody else', async () => {
  let produced = 0
  const app = App.new({ timeouts: { write: '400ms' } })
    .get('/', () =>
      HttpResponse.stream(async function* () {
        for (;;) {
          produced += 65_536
          yield Buffer.alloc(65_536)
        }
      }),
    )
    .get('/fine', () => 'fine')
  await using t = await testServer(app)
  await using client = new Session(t)
  const stream = client.begin('/')
  await once(stream, 'response')
  const closed = once(stream, 'close')
  expect((await client.ask('/fine')).body).toBe('fine')
  // Its window is never opened again, as nobody reads.
  await closed
  expect(stream.rstCode).toBe(NGHTTP2_CANCEL)
  expect(produced).toBeLessThan(1 << 20)
  expect(t.server.stats()).toMatchObject({ writeTimeouts: 1, connections: 1 })
  await until(() => t.server.stats().slots.used === 0)
  expect((await client.ask('/fine')).body).toBe('fine')
})

test('limits and refusals', async () => {
  const app = App.new({ limits: { body: 1000, header: '2kb' }, timeouts: { handler: '200ms' } })
    .post('/', async (req) => (await req.bytes()).length)
    .get('/slow', () => new Promise(() => {}))
  await using t = await testServer(app)
  await using client = new Session(t)
  const post = { ':method': 'POST' }
  expect((await client.ask('/', post, 'x'.repeat(1000))).body).toBe('1000')
  expect((await client.ask('/', post, 'x'.repeat(1001))).status).toBe(413)
  expect((await client.ask('/', { a: 'a'.repeat(2030) })).status).toBe(431)
  expect((await client.ask('/')).status).toBe(405)
  expect((await client.ask('/slow')).status).toBe(503)
  expect(t.server.stats()).toMatchObject({ malformed: 1, handlerTimeouts: 1 })
})

test('rapid reset ends its connection, and delays nobody', async () => {
  const app = App.new({ limits: { resets: 50 } }).get('/', async (req) => {
    await once(req.signal, 'abort')
  })
  app.get('/fine', () => 'fine')
  await using t = await testServer(app)
  await using client = new Session(t)
  await using other = new Session(t)
  client.session.on('error', () => {})
  const gone = once(client.session, 'goaway')
  for (let n = 0; n < 100; n++) client.begin('/').close(NGHTTP2_CANCEL)
  const [code] = await gone
  expect(code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM)
  expect((await other.ask('/fine')).body).toBe('fine')
  await until(() => t.server.stats().inFlight === 0)
  expect(t.server.stats()).toMatchObject({ floods: 1, slots: { used: 0 } })
})

test('closing lets requests finish', async () => {
  let answer: ((text: string) => void) | undefined
  const app = App.new().get('/', () => new Promise<string>((resolve) => (answer = resolve)))
  const t = await testServer(app)
  await using client = new Session(t)
  const reply = client.ask('/')
  await until(() => answer !== undefined)
  const goaway = once(client.session, 'goaway')
  const closed = t.server.close()
  await goaway
  answer?.('done')
  expect((await reply).body).toBe('done')
  await closed
})

const run = promisify(execFile)

test('curl', async (context) => {
  needsTool(context, 'curl', '--version')
  const app = App.new().post('/', async (req) => `${req.protocol} ${(await req.bytes()).length}`)
  await using t = await testServer(app)
  const sent = 'x'.repeat(100_000)
  const { stdout } = await run('curl', ['-sS', '--http2-prior-knowledge', '-d', sent, t.url])
  expect(stdout).toBe('HTTP/2 100000')
})

test('h2load', async (context) => {
  needsTool(context, 'h2load', '--version')
  const app = App.new().get('/', () => 'hello')
  await using t = await testServer(app)
  const { stdout } = await run('h2load', ['-n', '4000', '-c', '4', '-m', '32', t.url])
  expect(stdout).toContain('4000 succeeded, 0 failed')
  expect(t.server.stats()).toMatchObject({ requests: 4000, floods: 0 })
})

test('nghttp, with TLS and without', async (context) => {
  needsTool(context, 'nghttp', '--version')
  needsTool(context, 'openssl', 'version')
  using authority = new Authority()
  const app = App.new()
    .get('/', (req) => `${req.protocol} ${req.scheme} ${req.tls?.alpn} ${req.tls?.serverName}\n`)
    .post('/', async (req) => `${req.protocol} ${(await req.bytes()).length}\n`)
  const tls = authority.issue('localhost')
  const server = await app.run({ listen: [{ port: 0, tls }, '127.0.0.1:0'], signals: false })
  context.onTestFinished(() => server.close({ timeout: 0 }))
  const [encrypted, plain] = server.addresses.map((address) => address.split(':')[1])
  // It would rather speak HTTP/1.1 than nothing: -v names what was agreed on.
  const nghttp = async (...args: string[]) => (await run('nghttp', ['-v', ...args])).stdout
  const secure = await nghttp(`https://localhost:${encrypted}/`)
  expect(secure).toMatch(/negotiated protocol: h2$/m)
  expect(secure).toContain('HTTP/2 https h2 localhost')
  const clear = await nghttp(`http://127.0.0.1:${plain}/`)
  expect(clear).toContain('HTTP/2 http undefined undefined')
  const upload = ['-d', authority.ca, '-m', '10']
  const bytes = statSync(authority.ca).size
  for (const url of [`https://localhost:${encrypted}/`, `http://127.0.0.1:${plain}/`]) {
    const answers = await nghttp(...upload, url)
    expect(answers.split(`HTTP/2 ${bytes}`)).toHaveLength(11)
  }
  expect(server.stats()).toMatchObject({ requests: 22, malformed: 0, floods: 0 })
})
