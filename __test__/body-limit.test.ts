// BodyLimit: the size of request bodies, for a scope or a route.
import { gzipSync } from 'node:zlib'
import { App, BodyLimit, type BodyLimitOptions, Decompress, scope } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient } from './helper.js'
import { Session } from './http2-client.js'

const limit = (max: number | string) => BodyLimit.new({ max })
const length = async (req: AsyncIterable<Buffer>) => {
  let length = 0
  for await (const chunk of req) length += chunk.length
  return String(length)
}

/** What a body of `size` bytes gets: with its length, chunked, and over HTTP/2. */
async function statuses(t: TestServer, path: string, size: number): Promise<number[]> {
  const body = Buffer.alloc(size, 'x')
  await using raw = await RawClient.to(t.server.port)
  await using client = new Session(t)
  raw.send(`POST ${path} HTTP/1.1\r\nhost: t\r\ncontent-length: ${size}\r\n\r\n${body}`)
  const whole = (await raw.read()).status
  await using other = await RawClient.to(t.server.port)
  other.send(`POST ${path} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n`)
  other.send(`${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`)
  const chunked = (await other.read()).status
  return [whole, chunked, (await client.ask(path, { ':method': 'POST' }, body)).status]
}

test('the innermost counts, to the byte', async () => {
  const app = App.new({ limits: { body: 50 } })
    .post('/server', length)
    .service(
      scope('/a')
        .wrap(limit(10))
        .wrap(limit(100))
        .post('/', length)
        .post('/less', { use: [limit(20)] }, length)
        .post('/more', { use: [limit(500)] }, (req) => req.text())
        .post('/option', { use: [limit(20)], limits: { body: 30 } }, length)
        .service(scope('/b').wrap(limit(200)).post('/', length).default(length)),
    )
  await using t = await testServer(app)
  const limits: [string, number][] = [
    ['/server', 50],
    ['/a', 100],
    ['/a/less', 20],
    ['/a/more', 500],
    ['/a/option', 30],
    ['/a/b', 200],
    ['/a/b/nowhere', 200],
  ]
  for (const [path, max] of limits) {
    expect(await statuses(t, path, max), path).toEqual([200, 200, 200])
    expect(await statuses(t, path, max + 1), path).toEqual([413, 413, 413])
  }
  expect(t.server.stats().largeBodies).toBe(3 * limits.length)
  expect(await statuses(t, '/nowhere', 51), 'nobody reads it').toEqual([404, 404, 404])
})

test('the default', async () => {
  const app = App.new({ limits: { body: '2mb' } })
    .wrap(BodyLimit.default())
    .post('/', length)
  await using t = await testServer(app)
  const send = async (size: number) => (await t.fetch('/', { method: 'POST', body: 'x'.repeat(size) })).status
  expect([await send(1 << 20), await send((1 << 20) + 1)]).toEqual([200, 413])
})

test('what a body becomes is held to a limit inside Decompress, whatever maxSize is', async () => {
  const wide = Decompress.new({ maxSize: '1mb' })
  const app = App.new()
    .service(scope('/inside').wrap(wide).wrap(limit('2kb')).post('/', length))
    .service(
      scope('/route')
        .wrap(wide)
        .post('/', { use: [limit('2kb')] }, (req) => req.text()),
    )
    .service(scope('/outside').wrap(limit('2kb')).wrap(wide).post('/', length))
    .service(scope('/plain').wrap(limit('2kb')).wrap(Decompress.default()).post('/', length))
  await using t = await testServer(app)
  const send = async (path: string, size: number) => {
    const body = gzipSync('ab'.repeat(size / 2))
    return (await t.fetch(path, { method: 'POST', body, headers: { 'content-encoding': 'gzip' } })).status
  }
  for (const [path, over] of [
    ['/inside', 413],
    ['/route', 413],
    ['/outside', 200],
    ['/plain', 413],
  ] as const) {
    expect([await send(path, 2048), await send(path, 2050)], path).toEqual([200, over])
    expect(await statuses(t, path, 2049), 'not compressed').toEqual([413, 413, 413])
  }
})

test('Decompress inside BodyLimit is a warning at start, unless there is one inside', async () => {
  const warnings: (Error & { code?: string })[] = []
  const listen = (warning: Error) => warnings.push(warning)
  process.on('warning', listen)
  try {
    const app = App.new()
      .wrap(limit(5))
      .get('/wrong', { use: [Decompress.default()] }, () => 'x')
      .get('/right', { use: [Decompress.default(), limit(6)] }, () => 'x')
    await (await testServer(app)).close()
    await (await testServer(App.new().wrap(Decompress.default()).wrap(limit(5)))).close()
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', listen)
  }
  const harm = warnings.filter(({ code }) => code === 'ARMATURE_LAYER_HARM')
  expect(harm.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^GET \/wrong: .*wrap BodyLimit after Decompress$/),
  ])
})

test.each<[BodyLimitOptions, string]>([
  [{ max: 0 }, 'BodyLimit.max: 0b is not a size from 1b to 1tb'],
  [{ max: '2tb' }, 'BodyLimit.max: 2tb is not a size from 1b to 1tb'],
  [{ max: -1 }, 'BodyLimit.max: -1 is not a size'],
  [{ maximum: 1 } as BodyLimitOptions, 'BodyLimit.maximum is not an option'],
])('wrong options: %j', (options, message) => {
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(message) }
  expect(() => BodyLimit.new(options)).toThrow(expect.objectContaining(error))
})
