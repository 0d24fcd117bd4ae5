// What the cache does beyond single requests: staleness, streams, tags, bounds, numbers, protocols.
import { App, Cache, fixed, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient, until } from '../helper.js'
import { Session } from '../http2-client.js'
import { ask, gate, serve } from './support.js'

const cc = (value: string, more: Record<string, string> = {}) => ({
  headers: { 'cache-control': value, ...more },
})

test('stale while revalidate: given at once, and replaced in the background', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  origin.script.push(
    cc('max-age=10, stale-while-revalidate=60', { age: '20', etag: '"a"' }),
    cc('max-age=60'),
  )
  expect(await ask(t, '/')).toMatchObject({ body: '1' })
  const { promise, open } = gate()
  origin.gates.push(promise)
  // The first one sends somebody to fetch; the others find that somebody has gone.
  for (const _ of [1, 2, 3]) {
    const reply = await ask(t, '/')
    expect([reply.body, reply.headers['cache-status']]).toEqual([
      '1',
      expect.stringMatching(/^armature; hit; ttl=-1\d$/),
    ])
  }
  await until(() => origin.seen.length === 2, 'the request in the background')
  expect(origin.seen[1]?.get('if-none-match')).toBe('"a"')
  open()
  await until(() => t.server.stats().cache.stored === 2, 'the new answer')
  expect(await ask(t, '/')).toMatchObject({ body: '2', headers: { 'cache-status': 'armature; hit' } })
  expect(t.server.stats().cache).toMatchObject({ stale: 3, hits: 1, misses: 2, entries: 1 })
})

test('stale while revalidate by the options, and never where an answer forbids it', async () => {
  await using cached = await serve({ staleWhileRevalidate: '1m' })
  const { t, origin } = cached
  origin.script.push(cc('max-age=10', { age: '20' }), cc('max-age=60'))
  expect((await ask(t, '/a')).body).toBe('1')
  expect((await ask(t, '/a')).body).toBe('1')
  await until(() => t.server.stats().cache.stored === 2, 'the new answer')
  origin.script.push(cc('max-age=10, must-revalidate', { age: '20' }))
  expect((await ask(t, '/b')).body).toBe('3')
  expect((await ask(t, '/b')).body).toBe('4')
})

test('stale while revalidate: a HEAD is given what is stale, and fetches nothing', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  origin.script.push(cc('max-age=10, stale-while-revalidate=60', { age: '20' }), cc('max-age=60'))
  expect(await ask(t, '/')).toMatchObject({ body: '1' })
  const head = await ask(t, '/', {}, 'HEAD')
  expect(head.headers['cache-status']).toMatch(/^armature; hit; ttl=-1\d$/)
  expect(await ask(t, '/')).toMatchObject({ body: '1' })
  await until(() => t.server.stats().cache.stored === 2, 'the new answer')
  expect(await ask(t, '/')).toMatchObject({ body: '2' })
  expect(origin.seen).toHaveLength(2)
})

test('stale if error', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  origin.script.push(cc('max-age=10, stale-if-error=60', { age: '20' }))
  expect((await ask(t, '/')).body).toBe('1')
  for (const status of [500, 502, 503, 504]) {
    origin.script.push({ status })
    const reply = await ask(t, '/')
    expect(reply).toMatchObject({ status: 200, body: '1' })
    expect(reply.headers['cache-status']).toBe(`armature; fwd=stale; fwd-status=${status}`)
  }
  expect(t.server.stats().cache.errors).toBe(4)
  // Other refusals are answers.
  origin.script.push({ status: 501 })
  expect(await ask(t, '/')).toMatchObject({ status: 501, body: '6' })
  // The time of that is over as well.
  origin.script.push(cc('max-age=10, stale-if-error=5', { age: '20' }), { status: 503 })
  expect((await ask(t, '/b')).body).toBe('7')
  expect((await ask(t, '/b')).status).toBe(503)
})

test('an exception of a handler is an error like any other', async () => {
  let fails = false
  await using cached = await serve({ staleIfError: '1h' }, (app) =>
    app.get('/throws', () => {
      if (fails) throw new Error('down')
      return HttpResponse.text('up').header('cache-control', 'max-age=10').header('age', '20')
    }),
  )
  expect(await ask(cached.t, '/throws')).toMatchObject({ status: 200, body: 'up' })
  fails = true
  expect(await ask(cached.t, '/throws')).toMatchObject({ status: 200, body: 'up' })
})

test('ttl: answers that say nothing, with statuses that allow it', async () => {
  await using cached = await serve({ ttl: '1m' })
  const { t, origin } = cached
  for (const [path, status, isStored] of [
    ['/ok', 200, true],
    ['/gone', 410, true],
    ['/error', 500, false],
    ['/created', 201, false],
  ] as const) {
    origin.script.push({ status }, { status })
    const first = await ask(t, path)
    const second = await ask(t, path)
    expect(second.body === first.body, path).toBe(isStored)
    origin.script.length = 0
  }
  origin.script.push(cc('no-store'))
  const { body } = await ask(t, '/own-word')
  expect((await ask(t, '/own-word')).body).not.toBe(body)
})

test('streams are sent as they come, and stored as they end', async () => {
  const { promise, open } = gate()
  await using cached = await serve({ maxEntry: '1kb' }, (app) =>
    app
      .get('/stream', async () =>
        HttpResponse.stream(
          (async function* () {
            yield 'first,'
            await promise
            yield 'second'
          })(),
          { type: 'text/plain' },
        ).header('cache-control', 'max-age=60'),
      )
      .get('/fails', () =>
        HttpResponse.stream(
          (async function* () {
            yield 'first'
            throw new Error('broken')
          })(),
        ).header('cache-control', 'max-age=60'),
      )
      .get('/large', () =>
        HttpResponse.stream(['x'.repeat(1000), 'x'.repeat(25)]).header('cache-control', 'max-age=60'),
      )
      .get('/large-at-once', () => HttpResponse.text('x'.repeat(1025)).header('cache-control', 'max-age=60'))
      .get('/fits', () =>
        HttpResponse.stream(['x'.repeat(1000), 'x'.repeat(24)]).header('cache-control', 'max-age=60'),
      ),
  )
  const { t } = cached
  const reader = (await t.fetch('/stream')).body?.getReader()
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('first,')
  expect(t.server.stats().cache.entries).toBe(0)
  open()
  while ((await reader?.read())?.done === false);
  const again = await t.fetch('/stream')
  expect(await again.text()).toBe('first,second')
  expect(Object.fromEntries(again.headers)).toMatchObject({
    'content-length': '12',
    'content-type': 'text/plain',
    'cache-status': 'armature; hit',
  })
  await expect(t.fetch('/fails').then((response) => response.text())).rejects.toThrow()
  for (const path of ['/large', '/large-at-once']) await (await t.fetch(path)).text()
  expect(t.server.stats().cache.entries).toBe(1)
  await (await t.fetch('/fits')).text()
  expect(t.server.stats().cache.entries).toBe(2)
})

test('memory is bounded', async () => {
  await using cached = await serve({ size: '64kb' }, (app) =>
    app.get('/big/:n', () => HttpResponse.text('x'.repeat(4000)).header('cache-control', 'max-age=60')),
  )
  const { t } = cached
  for (let n = 0; n < 100; n++) await (await t.fetch(`/big/${n}`)).text()
  const { entries, bytes, evicted, stored } = t.server.stats().cache
  expect(bytes).toBeLessThanOrEqual(64 * 1024)
  expect([stored, entries + evicted]).toEqual([100, 100])
  expect(entries).toBeGreaterThan(5)
})

test('tags, paths and URLs are purged', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  const fill = async () => {
    t.server.cache.purge({ all: true })
    for (const [path, tags] of [
      ['/a', 'one, two'],
      ['/a?q', 'two'],
      ['/b', 'three'],
    ] as const) {
      origin.script.push(cc('max-age=60', { 'cache-tag': tags }))
      expect((await ask(t, path)).headers, 'tags are not for clients').not.toHaveProperty('cache-tag')
    }
  }
  const left = async () => {
    const found = []
    for (const path of ['/a', '/a?q', '/b']) {
      const reply = await ask(t, path, { 'cache-control': 'only-if-cached' })
      if (reply.status === 200) found.push(path)
    }
    return found
  }
  for (const [target, purged, expected] of [
    [{ tag: 'one' }, 1, ['/a?q', '/b']],
    [{ tag: 'two' }, 2, ['/b']],
    [{ tag: ['one', 'three', 'nobody'] }, 2, ['/a?q']],
    [{ tag: 'tw' }, 0, ['/a', '/a?q', '/b']],
    [{ url: '/a' }, 1, ['/a?q', '/b']],
    [{ url: 'http://example.com/a?q' }, 1, ['/a', '/b']],
    [{ url: new URL('https://example.com/a') }, 0, ['/a', '/a?q', '/b']],
    [{ path: '/a' }, 2, ['/b']],
    [{ all: true }, 3, []],
  ] as const) {
    await fill()
    expect(t.server.cache.purge(target), JSON.stringify(target)).toBe(purged)
    expect(await left(), JSON.stringify(target)).toEqual(expected)
  }
})

test('what was asked for before a purge is not stored after it', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  const { promise, open } = gate()
  origin.gates.push(promise)
  origin.script.push(cc('max-age=60', { 'cache-tag': 'x' }), cc('max-age=60', { 'cache-tag': 'x' }))
  const old = ask(t, '/')
  await until(() => origin.seen.length === 1, 'the request')
  expect(t.server.cache.purge({ tag: 'x' })).toBe(0)
  open()
  expect((await old).body).toBe('1')
  expect((await ask(t, '/')).body).toBe('2')
  expect((await ask(t, '/')).body).toBe('2')
})

test('what is no target', async () => {
  await using cached = await serve()
  const purge = cached.t.server.cache.purge.bind(cached.t.server.cache) as (target: unknown) => number
  for (const target of [
    undefined,
    'all',
    {},
    { all: false },
    { tag: '' },
    { tag: 'a,b' },
    { url: 'a' },
    { path: 'a' },
  ]) {
    expect(() => purge(target), JSON.stringify(target)).toThrow(
      expect.objectContaining({ code: 'ARMATURE_OPTION_INVALID' }),
    )
  }
})

test('keys: parts of the query, and fields', async () => {
  await using cached = await serve({
    query: { except: ['utm_source'] },
    keyHeaders: ['Authorization', 'cookie'],
  })
  const { t, origin } = cached
  const get = async (path: string, headers: Record<string, string> = {}) => {
    origin.script.length = 0
    origin.script.push(cc('max-age=60'))
    return Number((await ask(t, path, headers)).body)
  }
  expect(await get('/?a=1')).toBe(1)
  expect(await get('/?utm_source=x&a=1')).toBe(1)
  expect(await get('/?a=2')).toBe(2)
  expect(await get('/', { cookie: 'a' })).toBe(3)
  expect(await get('/', { cookie: 'b' })).toBe(4)
  expect(await get('/', { cookie: 'a' })).toBe(3)
  expect(await get('/', { authorization: 'a' })).toBe(5)
  expect(await get('/', { authorization: 'a' })).toBe(5)
  expect(await get('/')).toBe(6)
})

test('Set-Cookie, as the options have it', async () => {
  for (const [setCookie, body, cookie] of [
    ['skip', '2', 'a=1'],
    ['strip', '1', undefined],
    ['store', '1', 'a=1'],
  ] as const) {
    await using cached = await serve({ setCookie })
    const { t, origin } = cached
    origin.script.push(...[1, 2].map(() => cc('max-age=60', { 'set-cookie': 'a=1' })))
    expect((await ask(t, '/')).headers['set-cookie']).toBe('a=1')
    const second = await ask(t, '/')
    expect([second.body, second.headers['set-cookie']], setCookie).toEqual([body, cookie])
  }
})

test('clients have no say, and nothing is told, when the options say so', async () => {
  await using cached = await serve({
    clientControl: false,
    status: false,
    tagHeader: 'x-tags',
    sendTags: true,
  })
  const { t, origin } = cached
  origin.script.push(cc('max-age=60', { 'x-tags': 'a' }))
  for (const _ of [1, 2]) {
    const reply = await ask(t, '/', { 'cache-control': 'no-cache, no-store' })
    expect([reply.body, reply.headers['cache-status'], reply.headers['x-tags']]).toEqual([
      '1',
      undefined,
      'a',
    ])
  }
})

test('hits of fixed and JavaScript handlers over HTTP/1 and HTTP/2, without JavaScript', async () => {
  await using cached = await serve({}, (app) =>
    app.get('/fixed', fixed(HttpResponse.text('fixed').header('cache-control', 'max-age=60'))),
  )
  const { t, origin } = cached
  await using client = new Session(t)
  origin.script.push(cc('max-age=60'))
  const batches = () => t.server.stats().lanes[0]?.batches
  await (await t.fetch('/js')).text()
  await (await t.fetch('/fixed')).text()
  const before = batches()
  for (const [path, body] of [
    ['/js', '1'],
    ['/fixed', 'fixed'],
  ] as const) {
    const response = await t.fetch(path)
    expect([await response.text(), response.headers.get('cache-status')]).toEqual([body, 'armature; hit'])
    const reply = await client.ask(path)
    expect(reply.headers).toMatchObject({ 'cache-status': 'armature; hit', age: '0' })
    expect(reply.bytes.toString()).toBe(body)
  }
  expect(batches()).toBe(before)
})

test('a pipelined connection gets its answers in order', async () => {
  await using cached = await serve()
  const { t, origin } = cached
  origin.script.push(cc('max-age=60'), cc('no-store'))
  await ask(t, '/stored')
  await using client = await RawClient.to(t.server.port)
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: example.com\r\n\r\n`
  client.send(get('/other') + get('/stored') + get('/stored'))
  expect([(await client.read()).body, (await client.read()).body, (await client.read()).body]).toEqual([
    '2',
    '1',
    '1',
  ])
})

test('it may not stand inside JavaScript unless it says so', async () => {
  const pass = (_: unknown, next: () => Promise<HttpResponse>) => next()
  expect(() =>
    App.new()
      .wrap(pass)
      .wrap(Cache.default())
      .get('/', () => 'x')
      .explain('/'),
  ).toThrow(expect.objectContaining({ name: 'TypeError', code: 'ARMATURE_LAYER_ORDER' }))
  let calls = 0
  const app = App.new()
    .wrap((_, next) => {
      calls++
      return next()
    })
    .wrap(Cache.new({ beforeJs: true }))
    .get('/', () => HttpResponse.text('x').header('cache-control', 'max-age=60'))
  await using t = await testServer(app)
  for (const _ of [1, 2]) expect(await (await t.fetch('/')).text()).toBe('x')
  expect(calls).toBe(1)
})

test('per scope, per route, and for injected requests', async () => {
  let calls = 0
  const answer = () => HttpResponse.text(`${++calls}`).header('cache-control', 'max-age=60')
  const app = App.new()
    .scope('/in', (scope) => scope.wrap(Cache.default()).get('/a', answer))
    .get('/route', { use: [Cache.default()] }, answer)
    .get('/out', answer)
  const get = async (path: string) => (await app.inject(path)).text()
  expect([await get('/in/a'), await get('/in/a')]).toEqual(['1', '1'])
  expect([await get('/route'), await get('/route')]).toEqual(['2', '2'])
  expect([await get('/out'), await get('/out')]).toEqual(['3', '4'])
})

test('wrong options are refused when the layer is made', () => {
  for (const options of [
    { size: '1kb' },
    { maxEntry: '65mb' },
    { keyHeaders: ['a b'] },
    { ttl: -1 },
    { query: {} },
  ]) {
    expect(() => Cache.new(options as object), JSON.stringify(options)).toThrow(
      expect.objectContaining({ code: 'ARMATURE_OPTION_INVALID' }),
    )
  }
})
