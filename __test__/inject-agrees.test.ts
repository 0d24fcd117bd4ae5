import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { App, fixed, HttpResponse, type Server } from '@armature/core'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** What a connection adds, and when it did. */
const OF_THE_CONNECTION = ['connection', 'date', 'keep-alive', 'transfer-encoding']

const app = App.new({ trailingSlash: 'redirect' })
  .get('/text', () => 'héllo')
  .get('/json', () => ({ a: [1, 2] }))
  .get('/empty', () => HttpResponse.ok())
  .get('/bytes', () =>
    HttpResponse.bytes(Buffer.alloc(200_000)).header('x-a', 'b').append('set-cookie', 'c=d'),
  )
  .get('/stream', () =>
    HttpResponse.stream(async function* () {
      yield 'a'
      yield 'b'
    }),
  )
  .get('/no-content', () => null)
  .get('/not-modified', () => HttpResponse.status(304).header('etag', '"1"'))
  .get('/redirect', () => HttpResponse.redirect('/text'))
  .get('/fixed', fixed(HttpResponse.ok('fixed')))
  .get('/folder', () => 'x')

let server: Server
beforeAll(async () => {
  server = await app.run({ listen: '127.0.0.1:0', signals: false })
})
afterAll(() => server.close())

const list = (headers: Iterable<[string, string]>) =>
  [...headers].filter(([name]) => !OF_THE_CONNECTION.includes(name)).sort()

async function overSocket(path: string, method: string) {
  const req = request(`${server.url}${path}`, { method })
  req.end()
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  const headers: [string, string][] = []
  for (let i = 0; i < res.rawHeaders.length; i += 2) {
    headers.push([(res.rawHeaders[i] as string).toLowerCase(), res.rawHeaders[i + 1] as string])
  }
  const chunks: Buffer[] = []
  for await (const chunk of res) chunks.push(chunk)
  return { status: res.statusCode, headers: list(headers), body: Buffer.concat(chunks).toString() }
}

async function injected(path: string, method: string) {
  const res = await app.inject(path, { method })
  return { status: res.status, headers: list(res.headers), body: await res.text() }
}

const paths = [
  '/text',
  '/json',
  '/empty',
  '/bytes',
  '/stream',
  '/no-content',
  '/not-modified',
  '/redirect',
  '/fixed',
  '/folder/',
]

test.each(paths.flatMap((path) => [['GET', path] as const, ['HEAD', path] as const]))(
  'inject and a socket agree about %s %s',
  async (method, path) => {
    expect(await injected(path, method)).toEqual(await overSocket(path, method))
  },
)

test('inject and a socket agree about OPTIONS and 405', async () => {
  expect(await injected('/text', 'OPTIONS')).toEqual(await overSocket('/text', 'OPTIONS'))
  // The body has the id of the request.
  const [one, other] = [await injected('/text', 'DELETE'), await overSocket('/text', 'DELETE')]
  expect([one.status, one.headers]).toEqual([other.status, other.headers])
})

test('an injected HEAD has the length and no body', async () => {
  const res = await app.inject('/text', { method: 'HEAD' })
  expect([res.headers.get('content-length'), res.body]).toEqual(['6', null])
})
