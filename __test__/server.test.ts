import { App, del, fixed, get, HttpResponse, key, Router, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient } from './helper.js'

test('the first look of the documentation', async () => {
  const router = new Router()
  router.get('/users/:id', async (req) => HttpResponse.json({ id: req.param('id'), name: 'Alice' }))
  await using server = await router.listen(0)
  const res = await fetch(`${server.url}/users/42`)
  expect(await res.json()).toEqual({ id: '42', name: 'Alice' })
  expect(server.port).toBeGreaterThan(0)
  expect(server.address).toBe(`127.0.0.1:${server.port}`)
})

test('what a request shows', async () => {
  const app = App.new().any('/r/:a/*rest', (req) => ({
    method: req.method,
    path: req.path,
    url: req.url,
    host: req.host,
    params: { ...req.params },
    query: [...req.query],
    header: req.header('X-Many'),
    cookie: req.cookie('b'),
    protocol: req.protocol,
    ip: req.ip,
    remoteAddress: req.remoteAddress,
    hasPort: req.remotePort > 0,
    route: req.route,
    idIsUnique: req.id.length > 10,
    secure: req.secure,
  }))
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  client.send(
    'PROPFIND /r/%C3%A4%2Fb/x/y%20z?q=1&q=%202 HTTP/1.1\r\nhost: example.com:1\r\n' +
      'x-many: a\r\nx-many: b\r\ncookie: a=1; b=%20x\r\n\r\n',
  )
  expect(JSON.parse((await client.read()).body)).toEqual({
    method: 'PROPFIND',
    path: '/r/%C3%A4%2Fb/x/y%20z',
    url: 'http://example.com:1/r/%C3%A4%2Fb/x/y%20z?q=1&q=%202',
    host: 'example.com:1',
    params: { a: 'ä/b', rest: 'x/y z' },
    query: [
      ['q', '1'],
      ['q', ' 2'],
    ],
    header: 'a, b',
    cookie: ' x',
    protocol: 'HTTP/1.1',
    ip: '127.0.0.1',
    remoteAddress: '127.0.0.1',
    hasPort: true,
    route: '/r/:a/*rest',
    idIsUnique: true,
    secure: false,
  })
})

test('a request can be read after its answer has left', async () => {
  let later: (() => string) | undefined
  const app = App.new().get('/x/:id', (req) => {
    later = () => `${req.path} ${req.param('id')} ${req.header('host')}`
    return 'ok'
  })
  await using t = await testServer(app)
  await t.fetch('/x/first')
  const read = later
  for (let i = 0; i < 20; i++) await t.fetch(`/x/other${i}`)
  expect(read?.()).toBe(`/x/first first 127.0.0.1:${t.server.port}`)
})

test('trusted proxies decide who the client is, and nobody else does', async () => {
  const show = () =>
    App.new({ trustProxy: ['127.0.0.1'] }).get('/', (req) => `${req.ip} ${req.url} ${req.remoteAddress}`)
  const headers = {
    'x-forwarded-for': '6.6.6.6, 1.2.3.4',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'a.example',
  }
  await using trusted = await testServer(show())
  expect(await (await trusted.fetch('/', { headers })).text()).toBe('1.2.3.4 https://a.example/ 127.0.0.1')
  await using untrusted = await testServer(
    App.new().get('/', (req) => `${req.ip} ${req.scheme} ${req.remoteAddress}`),
  )
  expect(await (await untrusted.fetch('/', { headers })).text()).toBe('127.0.0.1 http 127.0.0.1')
})

test('every kind of responder arrives', async () => {
  const app = App.new()
    .get('/string', () => 'text')
    .get('/json', () => ({ a: [1, 'ü'] }))
    .get('/null', () => null)
    .get('/number', () => 7)
    .get('/buffer', () => Buffer.from([1, 2, 255]))
    .get('/blob', () => new Blob(['b'], { type: 'text/x' }))
    .get('/form', () => new URLSearchParams({ a: '1 2' }))
    .get('/web', () => new Response('web', { status: 201, headers: { 'x-a': 'b' } }))
    .get('/generator', function* () {
      yield 'a'
      yield 'b'
    })
    .get('/async', async function* () {
      yield 'c'
      yield new Uint8Array([100])
    })
    .get('/cookies', () => HttpResponse.ok('x').cookie('a', '1').cookie('b', '2', { path: '/b' }))
    .get('/utf8', () => HttpResponse.text('€'.repeat(1000)).header('x-latin', 'é'))
  await using t = await testServer(app)
  const at = async (path: string) => {
    const res = await t.fetch(path)
    return [res.status, res.headers.get('content-type'), await res.text()]
  }
  expect(await at('/string')).toEqual([200, 'text/plain; charset=utf-8', 'text'])
  expect(await at('/json')).toEqual([200, 'application/json', '{"a":[1,"ü"]}'])
  expect(await at('/null')).toEqual([204, null, ''])
  expect(await at('/number')).toEqual([200, 'application/json', '7'])
  expect(await at('/blob')).toEqual([200, 'text/x', 'b'])
  expect(await at('/form')).toEqual([200, 'application/x-www-form-urlencoded;charset=UTF-8', 'a=1+2'])
  expect(await at('/generator')).toEqual([200, 'application/octet-stream', 'ab'])
  expect(await at('/async')).toEqual([200, 'application/octet-stream', 'cd'])
  const bytes = await t.fetch('/buffer')
  expect([...new Uint8Array(await bytes.arrayBuffer())]).toEqual([1, 2, 255])
  const web = await t.fetch('/web')
  expect([web.status, web.headers.get('x-a'), await web.text()]).toEqual([201, 'b', 'web'])
  const cookies = await t.fetch('/cookies')
  expect(cookies.headers.getSetCookie()).toEqual([
    'a=1; Path=/; HttpOnly; SameSite=Lax',
    'b=2; Path=/b; HttpOnly; SameSite=Lax',
  ])
  const utf8 = await t.fetch('/utf8')
  expect([utf8.headers.get('x-latin'), (await utf8.text()).length]).toEqual(['é', 1000])
})

test('methods, HEAD, OPTIONS, 404, 405 and the trailing slash', async () => {
  const app = App.new({ trailingSlash: 'redirect' })
    .route(
      '/a',
      get(() => 'a').del(() => 'gone'),
    )
    .route(
      '/b/',
      del(() => 'b'),
    )
  await using t = await testServer(app)
  expect((await t.fetch('/a', { method: 'DELETE' })).status).toBe(200)
  const head = await t.fetch('/a', { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '1', ''])
  const put = await t.fetch('/a', { method: 'PUT' })
  expect([put.status, put.headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD, OPTIONS'])
  const options = await t.fetch('/a', { method: 'OPTIONS' })
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'DELETE, GET, HEAD, OPTIONS'])
  const redirect = await t.fetch('/a/?x=1', { redirect: 'manual' })
  expect([redirect.status, redirect.headers.get('location')]).toEqual([308, '/a?x=1'])
  const missing = await t.fetch('/nope')
  expect(missing.headers.get('content-type')).toBe('application/problem+json')
  expect(await missing.json()).toMatchObject({ status: 404, code: 'ARMATURE_NOT_FOUND' })
})

test('scopes: layers, data, fallbacks and errors stay where they were declared', async () => {
  const Name = key<string>('name')
  const app = App.new()
    .data(Name, 'app')
    .wrap(async (_req, next) => (await next()).append('x-ring', 'app'))
    .get('/', (req) => req.data(Name))
    .service(
      scope('/in')
        .data(Name, 'in')
        .wrap(async (_req, next) => (await next()).append('x-ring', 'in'))
        .get('/', (req) => req.data(Name))
        .get('/fail', () => {
          throw new Error('no')
        })
        .onError(() => HttpResponse.ok('saved').status(202))
        .default((req) => `no ${req.path} here`),
    )
  await using t = await testServer(app)
  const at = async (path: string) => {
    const res = await t.fetch(path)
    return [res.status, res.headers.get('x-ring'), await res.text()]
  }
  expect(await at('/')).toEqual([200, 'app', 'app'])
  expect(await at('/in')).toEqual([200, 'in, app', 'in'])
  expect((await at('/in/fail')).slice(0, 1)).toEqual([202])
  expect(await at('/in/nope')).toEqual([200, 'in, app', 'no /in/nope here'])
  expect((await at('/nope'))[0]).toBe(404)
})

test('a fixed route answers from Rust, inside JavaScript only when there is middleware', async () => {
  let calls = 0
  const app = App.new()
    .get('/plain', fixed(HttpResponse.json({ a: 1 }).header('x-a', 'b')))
    .service(
      scope('/guarded')
        .wrap(async (req, next) => {
          calls++
          if (req.header('authorization') === undefined) return HttpResponse.unauthorized()
          return (await next()).header('x-by', 'middleware')
        })
        .get('/', fixed(HttpResponse.text('secret'))),
    )
  await using t = await testServer(app)
  const plain = await t.fetch('/plain')
  expect([plain.headers.get('x-a'), await plain.json()]).toEqual(['b', { a: 1 }])
  expect(calls).toBe(0)
  expect((await t.fetch('/guarded')).status).toBe(401)
  const res = await t.fetch('/guarded', { headers: { authorization: 'x' } })
  expect([res.status, res.headers.get('x-by'), await res.text()]).toEqual([200, 'middleware', 'secret'])
  expect(calls).toBe(2)
})

test('two servers and two apps live in one process', async () => {
  await using a = await testServer(App.new().get('/', () => 'a'))
  await using b = await testServer(App.new().get('/', () => 'b'))
  const answers = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => (await (i % 2 ? a : b).fetch('/')).text()),
  )
  expect(answers).toEqual(Array.from({ length: 40 }, (_, i) => (i % 2 ? 'a' : 'b')))
})

test('stats count', async () => {
  await using t = await testServer(App.new().get('/', () => 'x'))
  await (await t.fetch('/')).text()
  const stats = t.server.stats()
  expect(stats).toMatchObject({ accepted: 1, requests: 1, inFlight: 0, shed: 0 })
  expect(stats.lanes).toMatchObject([{ queued: 0, queuedBytes: 0, pending: 0 }])
})
