// How much a client may ask for, counted in memory.
import { App, fixed, HttpResponse, RateLimit, type RateLimitOptions, Router, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { Session } from './http2-client.js'

function app(options: RateLimitOptions) {
  return App.new()
    .wrap(RateLimit.new(options))
    .get('/', () => 'hello')
    .get('/fixed', fixed(HttpResponse.text('fixed')))
    .get('/other', () => 'other')
}

/** The statuses of requests one after another, without sockets. */
async function statuses(
  of: { inject: App['inject'] },
  requests: readonly { path?: string; ip?: string; headers?: Record<string, string>; method?: string }[],
) {
  const all: number[] = []
  for (const { path = '/', ...options } of requests) all.push((await of.inject(path, options)).status)
  return all
}

test.each(['token-bucket', 'sliding-window'] as const)(
  'requests that are too many are answered 429, over HTTP/1 and HTTP/2 (%s)',
  async (algorithm) => {
    await using t = await testServer(app({ limit: 4, window: '1h', algorithm }))
    await using client = new Session(t)
    const first = await t.fetch('/')
    expect(await first.text()).toBe('hello')
    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=4;w=3600')
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=3;t=\d+$/)
    const second = await client.ask('/fixed')
    expect([second.body, second.headers.ratelimit]).toEqual(['fixed', expect.stringMatching(/;r=2;/)])
    expect((await t.fetch('/nowhere')).headers.get('ratelimit')).toMatch(/;r=1;/)
    expect((await t.fetch('/', { method: 'POST' })).headers.get('ratelimit')).toMatch(/;r=0;/)

    const refused = await t.fetch('/')
    const retry = Number(refused.headers.get('retry-after'))
    expect(refused.status).toBe(429)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(refused.headers.get('ratelimit')).toMatch(/^"default";r=0;t=\d+$/)
    // Of four tokens an hour one comes back in 15 minutes; of a window that is full, a quarter in more than that.
    expect(retry).toBeGreaterThan(890)
    expect(retry).toBeLessThanOrEqual(algorithm === 'token-bucket' ? 900 : 4500)
    const problem = { status: 429, title: 'Too Many Requests', code: 'ARMATURE_RATE_LIMITED' }
    expect(await refused.json()).toMatchObject(problem)
    const reply = await client.ask('/fixed')
    expect([reply.status, reply.headers['retry-after']]).toEqual([429, expect.stringMatching(/^\d+$/)])
    expect(t.server.stats().rateLimits).toEqual({ limited: 2, evicted: 0, uncounted: 0 })
  },
)

test('tokens come back', async () => {
  await using t = await testServer(app({ limit: 100, window: '1s', burst: 1 }))
  expect((await t.fetch('/')).status).toBe(200)
  const until = Date.now() + 10_000
  let refused = 0
  // Every 10 ms one comes back.
  for (let served = 0; served < 5 && Date.now() < until; ) {
    if ((await t.fetch('/')).status === 200) served++
    else refused++
  }
  expect(Date.now()).toBeLessThan(until)
  expect(t.server.stats().rateLimits.limited).toBe(refused)
})

test('a burst is what a bucket holds', async () => {
  const bursts = app({ limit: 1, window: '1h', burst: 3 })
  expect(await statuses(bursts, [{}, {}, {}, {}])).toEqual([200, 200, 200, 429])
})

test('addresses: each IPv4 address, each network of IPv6', async () => {
  const by = (options: RateLimitOptions) => app({ limit: 1, window: '1h', ...options })
  const ips = ['1.2.3.4', '1.2.3.4', '1.2.3.5', '2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'].map(
    (ip) => ({
      ip,
    }),
  )
  expect(await statuses(by({}), ips)).toEqual([200, 429, 200, 200, 429, 200])
  expect(await statuses(by({ ipv6Prefix: 128 }), ips)).toEqual([200, 429, 200, 200, 200, 200])
  expect(await statuses(by({ ipv6Prefix: 32 }), ips)).toEqual([200, 429, 200, 200, 429, 429])
})

test('proxies that are trusted say who the client is, others do not', async () => {
  const forwarded = (ip: string, client: string) => ({ ip, headers: { 'x-forwarded-for': client } })
  const requests = [
    forwarded('10.0.0.1', '1.1.1.1'),
    forwarded('10.0.0.2', '1.1.1.1'),
    forwarded('10.0.0.1', '2.2.2.2'),
    forwarded('3.3.3.3', '4.4.4.4'),
    forwarded('3.3.3.3', '5.5.5.5'),
  ]
  const behind = App.new({ trustProxy: ['10.0.0.0/8'] })
    .wrap(RateLimit.new({ limit: 1, window: '1h' }))
    .get('/', () => 'hello')
  expect(await statuses(behind, requests)).toEqual([200, 429, 200, 200, 429])
})

test('headers and cookies; who has none goes by the address', async () => {
  const requests = (name: string, value: (text: string) => string) => [
    { ip: '1.1.1.1', headers: { [name]: value('a') } },
    { ip: '2.2.2.2', headers: { [name]: value('a') } },
    { ip: '1.1.1.1', headers: { [name]: value('b') } },
    { ip: '1.1.1.1' },
    { ip: '2.2.2.2' },
    { ip: '1.1.1.1' },
  ]
  const expected = [200, 429, 200, 200, 200, 429]
  const one = { limit: 1, window: '1h' }
  const byHeader = app({ ...one, key: { header: 'X-Api-Key' } })
  expect(
    await statuses(
      byHeader,
      requests('x-api-key', (text) => text),
    ),
  ).toEqual(expected)
  const byCookie = app({ ...one, key: { cookie: 'sid' } })
  expect(
    await statuses(
      byCookie,
      requests('cookie', (text) => `z=1; sid=${text}`),
    ),
  ).toEqual(expected)
})

test('routes, and several things together', async () => {
  const byRoute = app({ limit: 1, window: '1h', key: 'route' })
  const paths = ['/', '/', '/other', '/fixed', '/fixed', '/a', '/b'].map((path) => ({ path }))
  expect(await statuses(byRoute, paths)).toEqual([200, 429, 200, 200, 429, 404, 429])
  const both = app({ limit: 1, window: '1h', key: ['route', 'ip'] })
  const requests = [
    { path: '/', ip: '1.1.1.1' },
    { path: '/', ip: '2.2.2.2' },
    { path: '/other', ip: '1.1.1.1' },
    { path: '/', ip: '1.1.1.1' },
  ]
  expect(await statuses(both, requests)).toEqual([200, 200, 200, 429])
})

test('routes cost what is said', async () => {
  const costs = App.new()
    .wrap(RateLimit.new({ limit: 10, window: '1h', cost: 2, costs: { 'POST /login': 7, '/free': 0 } }))
    .get('/login', () => 'form')
    .post('/login', () => 'done')
    .get('/free', () => 'free')
    .post('/free', () => 'free')
  const login = { path: '/login', method: 'POST' }
  const all = [login, { path: '/login' }, login, { path: '/login' }, { path: '/free' }, { path: '/nowhere' }]
  expect(await statuses(costs, all)).toEqual([200, 200, 429, 429, 200, 429])
  expect((await costs.inject('/free')).headers.has('ratelimit')).toBe(false)
})

test('a cost of a route that does not exist is an error at start', async () => {
  const wrong = App.new()
    .wrap(RateLimit.new({ costs: { 'POST /logn': 5 } }))
    .post('/login', () => 'done')
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining("'POST /logn'") }
  await expect(wrong.run({ listen: '127.0.0.1:0' })).rejects.toMatchObject(error)
})

test('for an application, a scope or a route; one object counts for all its places', async () => {
  const strict = RateLimit.new({ limit: 1, window: '1h', name: 'strict' })
  const nested = new Router()
    .wrap(RateLimit.new({ limit: 100, window: '1h', name: 'all' }))
    .get('/free', () => 'free')
    .get('/one', { use: [strict] }, () => 'one')
    .get('/two', { use: [strict] }, () => 'two')
    .service(
      scope('/api')
        .wrap(RateLimit.new({ limit: 2, window: '1h', name: 'api' }))
        .get('/a', () => 'a'),
    )
  const paths = ['/one', '/two', '/free', '/api/a', '/api/nowhere', '/api/a', '/free'].map((path) => ({
    path,
  }))
  expect(await statuses(nested, paths)).toEqual([200, 429, 200, 200, 404, 429, 200])
  const refused = await nested.inject('/one')
  expect(refused.headers.get('ratelimit-policy')).toBe('"strict";q=1;w=3600, "all";q=100;w=3600')
  expect(refused.headers.get('ratelimit')).toMatch(/^"strict";r=0;t=\d+, "all";r=92;t=\d+$/)
})

test('older fields, or none', async () => {
  const legacy = await app({ limit: 5, window: '1m', headers: 'legacy' }).inject('/')
  const fields = ['limit', 'remaining', 'reset', 'policy'].map((name) =>
    legacy.headers.get(`ratelimit-${name}`),
  )
  expect(fields).toEqual(['5', '4', '12', null])
  const silent = app({ limit: 1, window: '1m', headers: false })
  expect([...(await silent.inject('/')).headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual(
    [],
  )
  const refused = await silent.inject('/')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '60'])
})

test('a flood of keys takes no more memory, and resets nobody who is limited', async () => {
  const flooded = app({ limit: 3, window: '1h', capacity: 512 })
  const me = { ip: '9.9.9.9' }
  expect(await statuses(flooded, [me, me, me, me])).toEqual([200, 200, 200, 429])
  const others = Array.from({ length: 3000 }, (_, n) => ({ ip: `10.${n >> 8}.${n & 255}.1` }))
  expect(new Set(await statuses(flooded, others))).toEqual(new Set([200]))
  expect(await statuses(flooded, [me])).toEqual([429])
})

test.each<[RateLimitOptions, string]>([
  [{ limit: 0 }, 'RateLimit.limit'],
  [{ window: '10ms' }, 'RateLimit.window'],
  [{ key: [] }, 'RateLimit.key'],
  [{ key: { header: 'a b' } }, 'RateLimit.key.header'],
  [{ failure: 'closed' }, 'RateLimit.failure'],
  [{ redis: { url: 'localhost:6379' } }, 'RateLimit.redis.url'],
])('wrong options: %j', (options, name) => {
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(name) }
  expect(() => RateLimit.new(options)).toThrow(expect.objectContaining(error))
})
