// Cross-origin requests, over real connections: as the Fetch standard has them.
import { App, Cors, fixed, get, HttpResponse, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient } from './helper.js'
import { Session } from './http2-client.js'

const APP = 'https://app.example.com'

const routes = (layer: Cors) =>
  App.new()
    .wrap(layer)
    .get('/js', () => 'js')
    .get('/fixed', fixed(HttpResponse.text('fixed')))
    .get('/vary', () => HttpResponse.text('x').header('vary', 'accept'))

const preflight = (origin: string, method = 'PUT', headers = '') =>
  `OPTIONS /js HTTP/1.1\r\nhost: t\r\norigin: ${origin}\r\naccess-control-request-method: ${method}\r\n${headers}\r\n`

test('origins that are listed may read, over HTTP/1 and HTTP/2; caches are told', async () => {
  const origins = [APP, 'https://*.example.org', 'http://localhost:*']
  await using t = await testServer(routes(Cors.new({ origins })))
  await using client = new Session(t)
  for (const path of ['/js', '/fixed', '/missing']) {
    for (const [origin, allowed] of [
      [APP, true],
      ['https://a.b.example.org', true],
      ['http://localhost:5173', true],
      ['https://example.org', false],
      ['https://app.example.com.evil.example', false],
      ['https://evil.example/.example.org', false],
      ['null', false],
      [undefined, false],
    ] as const) {
      const headers = origin === undefined ? {} : { origin }
      const expected = allowed ? origin : undefined
      const { headers: two } = await client.ask(path, headers)
      expect(two['access-control-allow-origin'], `${path} ${origin}`).toBe(expected)
      expect(two.vary).toBe('origin')
      await using raw = await RawClient.to(t.server.port)
      const { headers: one } = await raw.get(path, origin === undefined ? '' : `origin: ${origin}\r\n`)
      expect([one['access-control-allow-origin'], one.vary]).toEqual([expected, 'origin'])
      expect(one).not.toHaveProperty('access-control-allow-credentials')
    }
  }
  // Four origins that are not allowed, on three paths, over two protocols. No origin is none that is refused.
  expect(t.server.stats().cors).toEqual({ preflights: 0, refused: 24 })
  const varying = await t.fetch('/vary', { headers: { origin: APP } })
  expect(varying.headers.get('vary')).toBe('accept, origin')
})

test('preflights are answered without JavaScript, and only they', async () => {
  let asked = 0
  const layer = Cors.new({
    origins: [APP],
    methods: ['GET', 'PUT'],
    headers: ['x-token', 'content-type'],
    exposeHeaders: ['x-total', 'x-page'],
    credentials: true,
    maxAge: '10m',
  })
  const app = routes(layer).any('/*rest', () => {
    asked++
    return 'asked'
  })
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  client.send(preflight(APP))
  expect(await client.read()).toMatchObject({
    status: 204,
    headers: {
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, PUT',
      'access-control-allow-headers': 'x-token, content-type',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '600',
    },
  })
  client.send(preflight('https://evil.example'))
  const refused = await client.read()
  expect(refused.status).toBe(204)
  expect(Object.keys(refused.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  expect(asked).toBe(0)
  expect(t.server.stats().cors).toEqual({ preflights: 2, refused: 1 })
  // OPTIONS without what makes it a preflight is the application's.
  client.send(`OPTIONS /other HTTP/1.1\r\nhost: t\r\norigin: ${APP}\r\n\r\n`)
  expect(await client.read()).toMatchObject({
    body: 'asked',
    headers: {
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'x-total, x-page',
    },
  })
})

test('without a list of headers those are allowed that are asked for', async () => {
  await using t = await testServer(routes(Cors.new({ origins: [APP] })))
  await using client = await RawClient.to(t.server.port)
  client.send(preflight(APP, 'PUT', 'access-control-request-headers: authorization,x-a\r\n'))
  const { headers } = await client.read()
  expect(headers['access-control-allow-headers']).toBe('authorization,x-a')
  expect(headers['access-control-allow-methods']).toBe('GET, HEAD, POST, PUT, PATCH, DELETE')
})

test('private networks are open to those who may read, when the option says so', async () => {
  const ask = 'access-control-request-private-network: true\r\n'
  const field = 'access-control-allow-private-network'
  for (const [options, origin, expected] of [
    [{ origins: [APP], privateNetwork: true }, APP, 'true'],
    [{ origins: [APP], privateNetwork: true }, 'https://evil.example', undefined],
    [{ origins: [APP] }, APP, undefined],
  ] as const) {
    await using t = await testServer(routes(Cors.new(options)))
    await using client = await RawClient.to(t.server.port)
    client.send(preflight(origin, 'GET', ask))
    expect((await client.read()).headers[field]).toBe(expected)
    client.send(preflight(origin, 'GET'))
    expect((await client.read()).headers).not.toHaveProperty(field)
  }
})

test('every origin: one answer for all, so that caches need not tell them apart', async () => {
  await using t = await testServer(routes(Cors.permissive()))
  await using client = await RawClient.to(t.server.port)
  for (const origin of [APP, 'null']) {
    const { headers } = await client.get('/js', `origin: ${origin}\r\n`)
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': '*',
    })
    expect(headers).not.toHaveProperty('vary')
    client.send(preflight(origin, 'DELETE'))
    expect((await client.read()).headers['access-control-allow-methods']).toBe('*')
  }
  expect(t.server.stats().cors).toEqual({ preflights: 2, refused: 0 })
})

test('of an application, a scope and a route', async () => {
  const app = App.new()
    .get('/closed', () => 'closed')
    .service(
      scope('/api')
        .wrap(Cors.new({ origins: [APP] }))
        .get('/a', () => 'a'),
    )
    .route('/open', get(() => 'open').wrap(Cors.permissive()))
  await using t = await testServer(app)
  const field = async (path: string) =>
    (await t.fetch(path, { headers: { origin: APP } })).headers.get('access-control-allow-origin')
  expect([
    await field('/closed'),
    await field('/api/a'),
    await field('/api/missing'),
    await field('/open'),
  ]).toEqual([null, APP, APP, '*'])
  await using client = await RawClient.to(t.server.port)
  client.send(preflight(APP).replace('/js', '/api/a'))
  expect((await client.read()).headers['access-control-allow-origin']).toBe(APP)
})

test.each([
  [{ origins: '*', credentials: true }, /Cors\.credentials/],
  [{ origins: [APP], credentials: true, methods: ['*'] }, /Cors\.methods: \* is/],
  [{ origins: [APP], credentials: true, headers: ['x-a', '*'] }, /Cors\.headers: \* is/],
  [{ origins: [APP], credentials: true, exposeHeaders: ['*'] }, /Cors\.exposeHeaders: \* is/],
  [{ origins: ['https://*'] }, /Cors\.origins: https:\/\/\* is/],
  [{ origins: ['example.com'] }, /Cors\.origins: example\.com is/],
  [{ origins: ['https://a.example/'] }, /Cors\.origins/],
  [{ origins: 'https://a.example' }, /Cors\.origins/],
  [{ methods: ['G T'] }, /Cors\.methods: G T is/],
  [{ headers: ['a b'] }, /Cors\.headers: a b is/],
])('a TypeError where it is written: %j', (options, message) => {
  const make = () => Cors.new(options as never)
  expect(make).toThrow(TypeError)
  expect(make).toThrow(message)
})
