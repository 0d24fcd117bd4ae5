// Every native layer over every protocol, around every kind of handler: what it does is the same.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as http1, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import {
  App,
  BodyLimit,
  Cache,
  Compress,
  ConcurrencyLimit,
  Cors,
  Decompress,
  ETag,
  files,
  fixed,
  Health,
  HttpResponse,
  Logger,
  type NativeLayer,
  RateLimit,
  RequestId,
  SecurityHeaders,
  type Server,
  scope,
  Timeout,
} from '@armature/core'
import { afterAll, beforeAll, describe, expect, type TestContext, test, vi } from 'vitest'
import { Authority } from './certificates.js'
import { until } from './helper.js'
import { Session } from './http2-client.js'
import { Http3Session } from './http3-client.js'

// What HTTP/3 needs is installed the first time.
vi.setConfig({ testTimeout: 120_000 })

const TEXT = 'the same text, again and again; '.repeat(100)
const ORIGIN = 'https://app.example.com'

interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: Buffer
}

interface Reply {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

type Client = (path: string, ask?: Ask) => Promise<Reply>

const handlers = { fixed: 'fixed', file: 'files/text.txt', JavaScript: 'js' } as const
type Kind = keyof typeof handlers
const protocols = ['HTTP/1', 'HTTP/2', 'HTTP/3'] as const
type Protocol = (typeof protocols)[number]

interface At {
  kind: Kind
  protocol: Protocol
  /** A client of HTTP/1. */
  other: Client
}

/** One case: what `layer` does around the handler at `path`. */
interface Case {
  layer?: () => NativeLayer
  check(client: Client, path: string, at: At): Promise<void>
}

const expectText = ({ status, body }: Reply) => expect([status, body.toString()]).toEqual([200, TEXT])
/** With a body; files know GET and HEAD alone. */
const methodOf = (kind: Kind) => (kind === 'file' ? 'GET' : 'POST')
const code = ({ status, body }: Reply) => [status, JSON.parse(body.toString()).code]

let folder: string
let server: Server
/** Each answers a request that a handler holds. */
const releases: (() => void)[] = []
const authority = new Authority()
const logs = () => readFileSync(join(folder, 'access.log'), 'utf8').split('\n').filter(Boolean)

const cases: Record<string, Case> = {
  Logger: {
    layer: () => Logger.new({ format: 'json', output: { path: join(folder, 'access.log') } }),
    async check(client, path, { protocol }) {
      const url = `${path}?over=${protocol}`
      expectText(await client(url))
      const own = () => logs().filter((line) => line.includes(`"${url}"`))
      await until(() => own().length > 0, 'the line')
      expect(own().map((line) => JSON.parse(line))).toEqual([
        expect.objectContaining({ level: 'info', method: 'GET', url, status: 200, bytes: TEXT.length }),
      ])
    },
  },
  Cors: {
    layer: () => Cors.new({ origins: [ORIGIN], maxAge: '10m' }),
    async check(client, path) {
      const allowed = await client(path, { headers: { origin: ORIGIN } })
      expectText(allowed)
      expect(allowed.headers).toMatchObject({ 'access-control-allow-origin': ORIGIN, vary: 'origin' })
      const other = await client(path, { headers: { origin: 'https://evil.example' } })
      expect(other.headers).not.toHaveProperty('access-control-allow-origin')
      const asking = { origin: ORIGIN, 'access-control-request-method': 'PUT' }
      const preflight = await client(path, { method: 'OPTIONS', headers: asking })
      expect(preflight.status).toBe(204)
      expect(preflight.headers).toMatchObject({
        'access-control-allow-origin': ORIGIN,
        'access-control-max-age': '600',
      })
    },
  },
  Compress: {
    layer: () => Compress.default(),
    async check(client, path) {
      for (const [coding, decode] of [
        ['gzip', gunzipSync],
        ['br', brotliDecompressSync],
      ] as const) {
        const reply = await client(path, { headers: { 'accept-encoding': coding } })
        expect([reply.status, reply.headers['content-encoding']]).toEqual([200, coding])
        expect(reply.headers.vary).toBe('accept-encoding')
        expect(reply.body.length).toBeLessThan(TEXT.length / 10)
        expect(decode(reply.body).toString()).toBe(TEXT)
      }
      const plain = await client(path)
      expectText(plain)
      expect(plain.headers).not.toHaveProperty('content-encoding')
    },
  },
  Decompress: {
    layer: () => Decompress.default(),
    async check(client, path, { kind }) {
      const body = gzipSync('what was compressed')
      const method = methodOf(kind)
      const reply = await client(path, { method, headers: { 'content-encoding': 'gzip' }, body })
      if (kind === 'JavaScript') expect(reply.body.toString()).toBe('what was compressed')
      else expectText(reply)
      const unknown = await client(path, { method, headers: { 'content-encoding': 'lzma' }, body })
      expect(unknown.status).toBe(415)
      expect(unknown.headers['accept-encoding']).toBe('gzip, deflate, br, zstd')
    },
  },
  SecurityHeaders: {
    layer: () => SecurityHeaders.default(),
    async check(client, path, { protocol }) {
      const reply = await client(path)
      expectText(reply)
      expect(reply.headers).toMatchObject({
        'content-security-policy': expect.stringContaining("default-src 'self'"),
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
      })
      // Only what came over TLS may say that it is never to come otherwise.
      expect('strict-transport-security' in reply.headers).toBe(protocol === 'HTTP/3')
    },
  },
  RateLimit: {
    layer: () => RateLimit.new({ limit: 1, window: '24h', key: ['route', { header: 'x-over' }] }),
    async check(client, path, { protocol }) {
      const headers = { 'x-over': protocol }
      const first = await client(path, { headers })
      expectText(first)
      expect(first.headers.ratelimit).toMatch(/^"default";r=0;t=\d+$/)
      const second = await client(path, { headers })
      expect(code(second)).toEqual([429, 'ARMATURE_RATE_LIMITED'])
      expect(Number(second.headers['retry-after'])).toBeGreaterThan(86_000)
    },
  },
  Timeout: {
    layer: () => Timeout.new({ handler: '400ms' }),
    async check(client, path, { kind }) {
      expectText(await client(path))
      // Nothing else than JavaScript is ever late.
      if (kind !== 'JavaScript') return
      const late = await client(path.replace(/js$/, 'hold'))
      expect(code(late)).toEqual([503, 'ARMATURE_HANDLER_TIMEOUT'])
    },
  },
  BodyLimit: {
    layer: () => BodyLimit.new({ max: '1kb' }),
    async check(client, path, { kind }) {
      const send = (length: number) =>
        client(path, { method: methodOf(kind), body: Buffer.alloc(length, 'x') })
      const fits = await send(1024)
      expect([fits.status, fits.body.length]).toEqual([200, kind === 'JavaScript' ? 1024 : TEXT.length])
      expect(code(await send(1025))).toEqual([413, 'ARMATURE_BODY_TOO_LARGE'])
    },
  },
  ConcurrencyLimit: {
    layer: () => ConcurrencyLimit.new({ max: 1 }),
    async check(client, path, { other }) {
      expectText(await client(path))
      await until(() => server.stats().concurrency.taken === 0, 'the place')
      releases.length = 0
      const held = other(path.replace(/[^/]+$|files\/.*$/, 'hold'))
      await until(() => releases.length === 1, 'the request that is held')
      expect(code(await client(path))).toEqual([503, 'ARMATURE_OVERLOADED'])
      releases[0]?.()
      expect((await held).status).toBe(200)
      await until(() => server.stats().concurrency.taken === 0, 'the place')
      expectText(await client(path))
    },
  },
  ETag: {
    layer: () => ETag.default(),
    async check(client, path) {
      const first = await client(path)
      expectText(first)
      const etag = String(first.headers.etag)
      expect(etag).toMatch(/^(W\/)?"[^"]+"$/)
      const again = await client(path, { headers: { 'if-none-match': etag } })
      expect([again.status, again.headers.etag, again.body.length]).toEqual([304, etag, 0])
      const other = await client(path, { headers: { 'if-match': '"other"' } })
      expect(other.status).toBe(412)
    },
  },
  Cache: {
    layer: () => Cache.default(),
    async check(client, path, { protocol }) {
      const url = `${path}?over=${protocol}`
      const first = await client(url)
      expectText(first)
      expect(first.headers['cache-status']).toContain('fwd=uri-miss')
      let hit = await client(url)
      // A file is stored when all of it has been read, which the client may know before the cache does.
      for (let n = 0; n < 100 && !String(hit.headers['cache-status']).includes('hit'); n++)
        hit = await client(url)
      expectText(hit)
      expect(hit.headers['cache-status']).toContain('; hit')
      expect(hit.headers).toHaveProperty('age')
      const condition = { 'cache-control': 'only-if-cached' }
      expectText(await client(url, { headers: condition }))
      const missing = await client(`${url}&other`, { headers: condition })
      expect(code(missing)).toEqual([504, 'ARMATURE_NOT_CACHED'])
    },
  },
  Health: {
    layer: () => Health.new({ liveness: '/Health/healthz', readiness: '/Health/readyz' }),
    async check(client, path) {
      for (const probe of ['healthz', 'readyz']) {
        const { status, headers } = await client(`/Health/${probe}`)
        expect([status, headers['cache-control']]).toEqual([200, 'no-store'])
      }
      expectText(await client(path))
    },
  },
  RequestId: {
    layer: () => RequestId.new({ trust: true }),
    async check(client, path) {
      const given = await client(path, { headers: { 'x-request-id': 'abc-1' } })
      expectText(given)
      expect(given.headers['x-request-id']).toBe('abc-1')
      expect((await client(path)).headers['x-request-id']).toMatch(/^[0-9a-f]{12}-[0-9a-f]+$/)
    },
  },
  'no layer': {
    async check(client, path, { kind, protocol }) {
      expectText(await client(path))
      // The client of HTTP/3 takes an answer without the content that its length promises for an error, also that to HEAD.
      if (protocol !== 'HTTP/3') {
        const head = await client(path, { method: 'HEAD' })
        expect([head.status, head.body.length]).toEqual([200, 0])
      }
      const part = await client(path, { headers: { range: 'bytes=4-7' } })
      // Ranges are of files alone.
      if (kind !== 'file') return expectText(part)
      expect([part.status, part.body.toString()]).toEqual([206, 'same'])
      expect(part.headers['content-range']).toBe(`bytes 4-7/${TEXT.length}`)
      const since = { 'if-modified-since': String(part.headers['last-modified']) }
      expect((await client(path, { headers: since })).status).toBe(304)
    },
  },
}

/** A scope with one of each kind of handler. */
function around(name: string, layer: NativeLayer | undefined) {
  const text = () => HttpResponse.text(TEXT).header('cache-control', 'max-age=60')
  const within = scope(`/${name.replace(' ', '-')}`)
  if (layer !== undefined) within.wrap(layer)
  return within
    .get('/fixed', fixed(text()))
    .post('/fixed', fixed(text()))
    .get('/js', async () => text())
    .post('/js', async (req) => HttpResponse.text(await req.text()))
    .get(
      '/hold',
      () =>
        new Promise<string>((resolve) => {
          releases.push(() => resolve('released'))
        }),
    )
    .get('/files/*path', files(folder, { cacheControl: 'max-age=60' }))
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'armature-layers-'))
  writeFileSync(join(folder, 'text.txt'), TEXT)
  const app = App.new()
  for (const [name, { layer }] of Object.entries(cases)) app.service(around(name, layer?.()))
  const tls = authority.issue('localhost', '127.0.0.1')
  const host = '127.0.0.1'
  server = await app.run({
    listen: [
      { host, port: 0 },
      { host, port: 0, tls, http3: true },
    ],
  })
})

let session: Session | undefined
let http3: Http3Session | undefined
afterAll(async () => {
  await session?.[Symbol.asyncDispose]()
  await http3?.[Symbol.asyncDispose]()
  await server.close()
  rmSync(folder, { recursive: true })
  authority[Symbol.dispose]()
})

const lengthOf = (body: Buffer | undefined): Record<string, string> =>
  body === undefined ? {} : { 'content-length': String(body.length) }

/** A client that keeps what was sent as it was sent. */
async function clientOf(protocol: Protocol, t: TestContext): Promise<Client> {
  if (protocol === 'HTTP/1') {
    return async (path, { method = 'GET', headers = {}, body } = {}) => {
      const request = http1({
        ...{ host: '127.0.0.1', port: server.port, path, method },
        headers: { ...lengthOf(body), ...headers },
      })
      const response = new Promise<IncomingMessage>((resolve, reject) => {
        request.once('response', resolve).once('error', reject).end(body)
      })
      const { statusCode = 0, headers: fields } = await response
      return { status: statusCode, headers: fields, body: await buffer(await response) }
    }
  }
  if (protocol === 'HTTP/2') {
    session ??= new Session(server)
    const own = session
    return async (path, { method = 'GET', headers = {}, body } = {}) => {
      const reply = await own.ask(path, { ':method': method, ...lengthOf(body), ...headers }, body)
      return { status: reply.status, headers: reply.headers as Reply['headers'], body: reply.bytes }
    }
  }
  const port = Number(new URL(`https://${server.addresses[1]}`).port)
  http3 ??= await Http3Session.to(t, { ca: authority.ca, port })
  const own = http3
  return async (path, { method = 'GET', headers = {}, body } = {}) => {
    const reply = await own.ask({
      path,
      method,
      headers: Object.entries({ ...lengthOf(body), ...headers }),
      binary: true,
      ...(body === undefined ? {} : { body: body.toString('base64') }),
    })
    return {
      status: Number(reply.headers[':status']),
      headers: reply.headers,
      body: Buffer.from(reply.body, 'base64'),
    }
  }
}

describe.each(protocols)('%s', (protocol) => {
  describe.each(Object.keys(cases))('%s', (name) => {
    test.for(Object.keys(handlers) as Kind[])('around %s', async (kind, t) => {
      const [client, other] = [await clientOf(protocol, t), await clientOf('HTTP/1', t)]
      await cases[name]?.check(client, `/${name.replace(' ', '-')}/${handlers[kind]}`, {
        kind,
        protocol,
        other,
      })
    })
  })
})
