// Content codings of answers, decoded by others: zlib of Node.js and curl.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { App, Compress, type CompressOptions, ETag, fixed, HttpResponse, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test, vi } from 'vitest'
import { needsTool, RawClient } from './helper.js'
import { Session } from './http2-client.js'

const TEXT = JSON.stringify(
  Array.from({ length: 1200 }, (_, id) => ({ id, name: `user ${id}`, tags: ['a', 'b'] })),
)
const LARGE = TEXT.repeat(20)

type Decode = (bytes: Buffer) => Buffer
const decoders: Record<string, Decode> = { gzip: zlib.gunzipSync, br: zlib.brotliDecompressSync }
// Node.js 20 has no zstd; curl decodes it below in any case.
const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: Decode }
if (zstdDecompressSync !== undefined) decoders.zstd = zstdDecompressSync

const json = { 'content-type': 'application/json' }

function app(options: CompressOptions = {}) {
  return App.new()
    .wrap(Compress.new(options))
    .get('/json', () => HttpResponse.text(TEXT).type('application/json').header('etag', '"v1"'))
    .get('/fixed', fixed(HttpResponse.text(TEXT)))
    .get('/large', () => LARGE)
    .get('/stream', () => HttpResponse.stream([TEXT, 'x'.repeat(100_000), TEXT], { type: 'text/plain' }))
    .get('/small', () => 'small')
    .get('/png', () => HttpResponse.bytes(Buffer.from(TEXT), 'image/png'))
    .get('/random', () => HttpResponse.bytes(randomBytes(3000), 'text/plain'))
    .get('/varies', () => HttpResponse.text(TEXT).header('vary', 'Accept-Encoding, origin'))
    .get('/no-transform', () => HttpResponse.text(TEXT).header('cache-control', 'public, No-Transform'))
    .get('/encoded', () =>
      HttpResponse.bytes(zlib.gzipSync(TEXT), 'text/plain').header('content-encoding', 'gzip'),
    )
    .get('/digest', () => HttpResponse.text(TEXT).header('repr-digest', 'sha-256=:x:'))
    .get('/partial', () => HttpResponse.text(TEXT).status(206).header('content-range', 'bytes 0-9/10'))
    .get('/ranges', () => HttpResponse.text(TEXT).header('accept-ranges', 'bytes'))
    .get('/nothing', () => HttpResponse.noContent())
    .get('/not-modified', () => HttpResponse.status(304).header('etag', '"v1"'))
}

const BODIES: Record<string, string> = {
  '/json': TEXT,
  '/fixed': TEXT,
  '/large': LARGE,
  '/stream': TEXT + 'x'.repeat(100_000) + TEXT,
}

test.each(Object.keys(decoders))('%s, over HTTP/1 and HTTP/2, for every kind of body', async (coding) => {
  await using t = await testServer(app())
  await using client = new Session(t)
  for (const [path, body] of Object.entries(BODIES)) {
    const reply = await client.ask(path, { 'accept-encoding': coding })
    expect(reply.headers, path).toMatchObject({ 'content-encoding': coding, vary: 'accept-encoding' })
    expect(reply.bytes.length, path).toBeLessThan(body.length / 4)
    expect(decoders[coding]?.(reply.bytes).toString() === body, path).toBe(true)
    const length = reply.headers['content-length']
    expect(length, path).toBe(
      path === '/large' || path === '/stream' ? undefined : String(reply.bytes.length),
    )
    // fetch() decodes gzip and brotli by itself.
    if (coding === 'zstd') continue
    const response = await t.fetch(path, { headers: { 'accept-encoding': coding } })
    expect(response.headers.get('content-encoding'), path).toBe(coding)
    expect((await response.text()) === body, path).toBe(true)
  }
})

test('curl decodes what it asked for', async (context) => {
  needsTool(context, 'curl', '--version')
  const features = (await promisify(execFile)('curl', ['--version'])).stdout
  const codings = [
    ['gzip', 'libz'],
    ['br', 'brotli'],
    ['zstd', 'zstd'],
  ].filter(([, name]) => features.includes(name ?? ''))
  expect(codings.length).toBeGreaterThan(0)
  await using t = await testServer(app())
  for (const [coding] of [...codings, ['deflate, gzip, br, zstd']]) {
    for (const [path, body] of Object.entries(BODIES)) {
      for (const version of ['--http1.1', '--http2-prior-knowledge']) {
        const args = ['-sf', '--compressed', version, '-H', `accept-encoding: ${coding}`, t.url + path]
        const { stdout } = await promisify(execFile)('curl', args, { maxBuffer: 1 << 25 })
        expect(stdout === body, `${coding} ${path} ${version}`).toBe(true)
      }
    }
  }
})

test.each<[string, string, string | null]>([
  ['nothing is said', '', null],
  ['the server chooses among equals', 'gzip, br', 'br'],
  ['the client says what it likes', 'gzip, br;q=0.5, zstd;q=0.1', 'gzip'],
  ['what is refused', 'br;q=0, gzip;q=0.001', 'gzip'],
  ['everything is refused', '*;q=0', null],
  ['everything else is refused', '*;q=0, br', 'br'],
  ['identity is liked better', 'identity, gzip;q=0.9', null],
  ['something unknown', 'compress, deflate', null],
])('negotiation: %s', async (_, accept, coding) => {
  await using t = await testServer(app())
  await using client = await RawClient.to(t.server.port)
  client.send(
    `HEAD /json HTTP/1.1\r\nhost: t\r\n${accept === '' ? '' : `accept-encoding: ${accept}\r\n`}\r\n`,
  )
  const head = new Promise<string>((resolve) => client.socket.once('data', (data) => resolve(String(data))))
  const lines = (await head).toLowerCase().split('\r\n')
  expect(lines.find((line) => line.startsWith('content-encoding:')) ?? null).toBe(
    coding && `content-encoding: ${coding}`,
  )
  expect(lines).toContain('vary: accept-encoding')
})

test('what stays as it is', async () => {
  await using t = await testServer(app())
  await using client = new Session(t)
  const gzip = { 'accept-encoding': 'gzip' }
  const untouched = ['/small', '/png', '/no-transform', '/digest', '/partial', '/nothing', '/missing']
  for (const path of untouched) {
    const { headers } = await client.ask(path, gzip)
    expect([headers['content-encoding'], headers.vary], path).toEqual([undefined, undefined])
  }
  const encoded = await client.ask('/encoded', gzip)
  expect(zlib.gunzipSync(encoded.bytes).toString()).toBe(TEXT)
  const random = await client.ask('/random', gzip)
  expect([random.headers['content-encoding'], random.headers.vary]).toEqual([undefined, 'accept-encoding'])
  // Who refuses identity gets a coding of whatever size.
  const small = await client.ask('/small', { 'accept-encoding': 'gzip, identity;q=0' })
  expect([small.headers['content-encoding'], zlib.gunzipSync(small.bytes).toString()]).toEqual([
    'gzip',
    'small',
  ])
})

test('fields say what was done', async () => {
  await using t = await testServer(app())
  await using client = new Session(t)
  const gzip = { 'accept-encoding': 'gzip' }
  expect((await client.ask('/json', gzip)).headers.etag).toBe('W/"v1"')
  expect((await client.ask('/json')).headers).toMatchObject({ etag: '"v1"', vary: 'accept-encoding' })
  expect((await client.ask('/varies', gzip)).headers.vary).toBe('Accept-Encoding, origin')
  expect((await client.ask('/ranges', gzip)).headers['accept-ranges']).toBeUndefined()
  expect((await client.ask('/ranges')).headers['accept-ranges']).toBe('bytes')
  const { status, headers } = await client.ask('/not-modified', gzip)
  expect({ status, ...headers }).toMatchObject({ status: 304, etag: 'W/"v1"', vary: 'accept-encoding' })
  expect(headers['content-encoding']).toBeUndefined()
})

test('HEAD has the fields of GET but the length', async () => {
  await using t = await testServer(app())
  await using client = new Session(t)
  for (const path of ['/json', '/fixed', '/large', '/stream']) {
    const ask = { ':method': 'HEAD', 'accept-encoding': 'br' }
    const { status, headers, body } = await client.ask(path, ask)
    expect([status, body, headers['content-encoding'], headers['content-length']], path).toEqual([
      200,
      '',
      'br',
      undefined,
    ])
    expect((await client.ask(path, { ':method': 'HEAD' })).headers['content-encoding']).toBeUndefined()
  }
})

test.each(Object.keys(decoders))('%s streams are flushed as their chunks come', async (coding) => {
  const gates: (() => void)[] = []
  const source = async function* () {
    for (let n = 0; n < 3; n++) {
      yield `event ${n}\n`
      await new Promise<void>((resolve) => gates.push(resolve))
    }
  }
  const events = App.new()
    .wrap(Compress.default())
    .get('/', () => HttpResponse.stream(source(), { type: 'text/event-stream' }))
  await using t = await testServer(events)
  await using client = new Session(t)
  const make: Record<string, () => zlib.BrotliDecompress | zlib.Gunzip> = {
    gzip: () => zlib.createGunzip(),
    br: () => zlib.createBrotliDecompress(),
    zstd: () => (zlib as unknown as { createZstdDecompress(): zlib.Gunzip }).createZstdDecompress(),
  }
  const decoder = make[coding]?.() as zlib.Gunzip
  client.begin('/', { 'accept-encoding': coding }).pipe(decoder)
  let seen = ''
  decoder.on('data', (data) => {
    seen += data
  })
  for (let n = 0; n < 3; n++) {
    await vi.waitFor(() => expect(seen).toContain(`event ${n}\n`), { timeout: 5000, interval: 5 })
    await vi.waitFor(() => expect(gates.length).toBe(n + 1))
    gates[n]?.()
  }
  await new Promise((resolve) => decoder.once('end', resolve))
  expect(seen).toBe('event 0\nevent 1\nevent 2\n')
})

test('no more bodies at the same time than `concurrent`; the others are sent as they are', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const source = async function* () {
    yield 'first'
    await held
  }
  const one = App.new()
    .wrap(Compress.new({ concurrent: 1 }))
    .get('/held', () => HttpResponse.stream(source(), { type: 'text/plain' }))
    .get('/json', () => HttpResponse.text(TEXT))
  const server = await one.run({ listen: { port: 0, host: '127.0.0.1' }, io: 1, signals: false })
  await using _ = server
  await using client = new Session({ url: server.url as string })
  const gzip = { 'accept-encoding': 'gzip' }
  const stream = client.begin('/held', gzip)
  await new Promise((resolve) => stream.once('response', resolve))
  expect((await client.ask('/json', gzip)).headers['content-encoding']).toBeUndefined()
  release()
  stream.resume()
  await new Promise((resolve) => stream.once('close', resolve))
  expect((await client.ask('/json', gzip)).headers['content-encoding']).toBe('gzip')
})

test('a source that fails resets the connection, and is no complete content', async () => {
  const source = async function* () {
    yield TEXT
    throw new Error('broken on purpose')
  }
  const failing = App.new()
    .wrap(Compress.default())
    .get('/', () => HttpResponse.stream(source(), { type: 'text/plain' }))
  await using t = await testServer(failing)
  await expect(t.fetch('/').then((response) => response.text())).rejects.toThrow()
})

test('tags of the content, whatever the coding: Compress around ETag', async () => {
  const both = App.new()
    .wrap(Compress.default())
    .wrap(ETag.default())
    .get('/', () => TEXT)
  await using t = await testServer(both)
  await using client = new Session(t)
  const plain = (await client.ask('/')).headers.etag as string
  const coded = await client.ask('/', { 'accept-encoding': 'br' })
  expect(coded.headers).toMatchObject({ etag: `W/${plain}`, 'content-encoding': 'br' })
  for (const tag of [plain, `W/${plain}`]) {
    const headers = { 'accept-encoding': 'br', 'if-none-match': tag }
    expect(await client.ask('/', headers)).toMatchObject({
      status: 304,
      body: '',
      headers: { vary: 'accept-encoding' },
    })
  }
})

test('Compress inside ETag is a warning at start, once, where it happens', async () => {
  const warnings: (Error & { code?: string })[] = []
  const listen = (warning: Error) => warnings.push(warning)
  process.on('warning', listen)
  try {
    const wrong = App.new()
      .wrap(ETag.default())
      .service(
        scope('/a')
          .wrap(Compress.default())
          .get('/x', () => 'x')
          .get('/y', () => 'y'),
      )
      .get('/z', { use: [Compress.default()] }, () => 'z')
      .get('/fine', () => 'fine')
    await (await testServer(wrong)).close()
    await (await testServer(App.new().wrap(Compress.default()).wrap(ETag.default()))).close()
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', listen)
  }
  const order = warnings.filter(({ code }) => code === 'ARMATURE_LAYER_HARM')
  expect(order.map(({ message }) => message.split(':')[0])).toEqual(['/a', 'GET /z'])
  expect(order[0]?.message).toMatch(/wrap Compress before ETag$/)
})

test.each<[CompressOptions, string]>([
  [{ codings: [] }, 'Compress.codings'],
  [{ codings: ['br', 'br'] }, 'Compress.codings'],
  [{ types: ['json'] }, 'Compress.types'],
  [{ minSize: '17mb' }, 'Compress.minSize'],
  [{ levels: { br: 12 } }, 'Compress.levels.br'],
  [{ levels: { gzip: 0 } }, 'Compress.levels.gzip'],
  [{ concurrent: 0 }, 'Compress.concurrent'],
])('wrong options: %j', (options, name) => {
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(name) }
  expect(() => Compress.new(options)).toThrow(expect.objectContaining(error))
})

test('options are what they say', async () => {
  await using t = await testServer(app({ codings: ['gzip'], minSize: 0, types: ['image/*'] }))
  await using client = new Session(t)
  const all = { 'accept-encoding': 'br, gzip;q=0.5, zstd' }
  expect((await client.ask('/png', all)).headers['content-encoding']).toBe('gzip')
  expect((await client.ask('/json', all)).headers['content-encoding']).toBeUndefined()
  const sizes = await Promise.all(
    [1, 9].map(async (gzip) => {
      const leveled = App.new()
        .wrap(Compress.new({ levels: { gzip } }))
        .get('/', () => HttpResponse.text(TEXT))
      return (
        await (await leveled.inject('/', { headers: { 'accept-encoding': 'gzip', ...json } })).arrayBuffer()
      ).byteLength
    }),
  )
  expect(sizes[0]).toBeGreaterThan(sizes[1] as number)
})
