import { App, Cors, key, Logger, RequestId } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'

class Database {
  name = 'real'
}

const createApp = () => {
  let starts = 0
  return App.new({ trustProxy: ['10.0.0.0/8'] })
    .onStart(() => {
      starts++
    })
    .data(new Database())
    .post('/users', async (req) => ({
      body: await req.json(),
      query: req.queryParam('dry'),
      ip: req.ip,
      header: req.header('x-a'),
      db: req.data(Database).name,
      starts,
    }))
    .get('/stream', async function* () {
      yield 'a'
      yield 'b'
    })
    .get('/fail', async function* () {
      yield 'a'
      throw new Error('broken')
    })
}

test('inject runs the whole pipeline without a socket', async () => {
  const app = createApp()
  const options = { json: { name: 'a' }, query: { dry: 1 }, headers: { 'x-a': 'b' }, ip: '1.2.3.4' }
  for (let i = 0; i < 2; i++) {
    const res = await app.inject('/users', options)
    expect(res).toBeInstanceOf(Response)
    expect(await res.json()).toEqual({
      body: { name: 'a' },
      query: '1',
      ip: '1.2.3.4',
      header: 'b',
      db: 'real',
      starts: 1,
    })
  }
  expect(await (await app.inject('/stream')).text()).toBe('ab')
  expect((await app.inject('/nope')).status).toBe(404)
  expect((await app.inject('/users')).status).toBe(405)
  expect((await app.inject('/users', { body: 'x', headers: { 'content-type': 'text/plain' } })).status).toBe(
    415,
  )
  const forwarded = await app.inject('/users', {
    json: {},
    ip: '10.0.0.1',
    headers: { 'x-forwarded-for': '9.9.9.9' },
  })
  expect((await forwarded.json()).ip).toBe('9.9.9.9')
})

test('fetch() answers web requests', async () => {
  const app = createApp()
  const request = new Request('http://example.com/users?dry=yes', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  })
  expect(await (await app.fetch(request)).json()).toMatchObject({ body: { a: 1 }, query: 'yes' })
})

test('testServer replaces data and closes itself', async () => {
  class FakeDatabase extends Database {
    override name = 'fake'
  }
  let url = ''
  {
    await using t = await testServer(createApp(), { data: [[Database, new FakeDatabase()]] })
    url = t.url
    const init = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
    expect(await (await t.fetch('/users', init)).json()).toMatchObject({ db: 'fake' })
  }
  await expect(fetch(url)).rejects.toThrow()
})

test('lifecycle: start in order, stop in reverse, a failed start is undone', async () => {
  const log: string[] = []
  const Disposable = key<AsyncDisposable>('disposable')
  const app = () =>
    App.new()
      .onStart(() => void log.push('start 1'))
      .onStart(async () => void log.push('start 2'))
      .onStop(() => void log.push('stop 1'))
      .onStop(() => void log.push('stop 2'))
      .data(Disposable, { [Symbol.asyncDispose]: async () => void log.push('disposed') })
  const server = await app().run('127.0.0.1:0')
  await Promise.all([server.close(), server.close()])
  expect(log).toEqual(['start 1', 'start 2', 'stop 2', 'stop 1', 'disposed'])
  log.length = 0
  const failing = app().onStart(() => {
    throw new Error('no database')
  })
  await expect(failing.run('127.0.0.1:0')).rejects.toThrow('no database')
  expect(log).toEqual(['start 1', 'start 2', 'stop 2', 'stop 1', 'disposed'])
})

test('close() takes durations, and a wrong one leaves the server closable', async () => {
  const server = await App.new()
    .get('/', () => 'x')
    .run('127.0.0.1:0')
  await expect(server.close({ timeout: 'soon' })).rejects.toThrow(/'soon'/)
  expect(await (await fetch(server.url)).text()).toBe('x')
  await server.close({ timeout: '1s' })
  await expect(fetch(server.url)).rejects.toThrow()
})

test('native layers: CORS, request id, logger', async () => {
  const app = App.new()
    .wrap(Logger.new({ output: 'stderr', skip: ['/'] }))
    .wrap(RequestId.default())
    .wrap(
      Cors.new({ origins: ['https://a.example'], credentials: true, exposeHeaders: ['x-b'], maxAge: '10m' }),
    )
    .get('/', () => 'x')
  const preflight = await app.inject('/', {
    method: 'OPTIONS',
    headers: {
      origin: 'https://a.example',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'x-c',
    },
  })
  expect([preflight.status, Object.fromEntries(preflight.headers)]).toMatchObject([
    204,
    {
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'x-c',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '600',
    },
  ])
  const allowed = await app.inject('/', { headers: { origin: 'https://a.example' } })
  expect(allowed.headers.get('access-control-allow-origin')).toBe('https://a.example')
  expect(allowed.headers.get('access-control-expose-headers')).toBe('x-b')
  expect(allowed.headers.get('vary')).toContain('origin')
  expect(allowed.headers.get('x-request-id')).toMatch(/^[0-9a-f]{12}-[0-9a-f]+$/)
  const foreign = await app.inject('/nope', { headers: { origin: 'https://b.example' } })
  expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([404, null])
  const permissive = App.new()
    .wrap(Cors.permissive())
    .get('/', () => 'x')
  expect(
    (await permissive.inject('/', { headers: { origin: 'https://b.example' } })).headers.get(
      'access-control-allow-origin',
    ),
  ).toBe('*')
})
