// How much a client may ask for, counted in Redis.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { App, RateLimit, type RateLimitOptions } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { Authority } from './certificates.js'
import { until } from './helper.js'
import { freePort } from './pebble.js'
import { RedisServer } from './redis.js'

const redis = RedisServer.ofFile()

let number = 0

/** Limits that have nothing to do with those of other tests. */
function limit(options: RateLimitOptions): RateLimitOptions {
  return { limit: 10, window: '1h', redis: { url: redis.url }, prefix: `test${number++}:`, ...options }
}

function serve(options: RateLimitOptions): Promise<TestServer> {
  return testServer(
    App.new()
      .wrap(RateLimit.new(options))
      .get('/', () => 'hello'),
  )
}

async function count(urls: string[], requests: number): Promise<Record<number, number>> {
  const ask = async (n: number) => (await fetch(urls[n % urls.length] as string)).status
  const all = await Promise.all(Array.from({ length: requests }, (_, n) => ask(n)))
  return Object.fromEntries(
    [...new Set(all)].map((status) => [status, all.filter((s) => s === status).length]),
  )
}

test.each(['token-bucket', 'sliding-window'] as const)(
  'processes share a limit, exactly, with one call for each request (%s)',
  async (algorithm) => {
    const options = limit({ algorithm, key: ['ip', 'route'] })
    const children = [1, 2].map(() =>
      fork(join(import.meta.dirname, 'fixtures/limited.cjs'), [JSON.stringify(options)], {
        env: { ...process.env, NODE_ENV: 'production' },
      }),
    )
    try {
      const urls = await Promise.all(
        children.map(async (child) => ((await once(child, 'message')) as [{ url: string }])[0].url),
      )
      const before = redis.calls('evalsha') + redis.calls('eval')
      // The first of each may have to bring the script.
      expect(await count(urls, 2)).toEqual({ 200: 2 })
      const loaded = redis.calls('eval')
      expect(await count(urls, 60)).toEqual({ 200: 8, 429: 52 })
      expect(redis.calls('eval')).toBe(loaded)
      expect(redis.calls('evalsha') + loaded - before - 62).toBeLessThanOrEqual(2)
      const [name, ...others] = redis.ask('keys', `${options.prefix}*`).split('\n')
      expect(others).toEqual([])
      expect(name).toContain(':ip+route:127.0.0.1|GET /|')
      const kept = Number(redis.ask('pttl', name as string))
      expect(kept).toBeGreaterThan(3_590_000)
      expect(kept).toBeLessThanOrEqual(algorithm === 'token-bucket' ? 3_600_000 : 7_200_000)
    } finally {
      for (const child of children) child.kill('SIGKILL')
    }
  },
)

test.each(['token-bucket', 'sliding-window'] as const)(
  'fields and refusals are those of memory (%s)',
  async (algorithm) => {
    await using t = await serve(limit({ limit: 2, algorithm }))
    const first = await t.fetch('/')
    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=2;w=3600')
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=1;t=\d+$/)
    await t.fetch('/')
    const refused = await t.fetch('/')
    expect([refused.status, refused.headers.get('ratelimit')]).toEqual([
      429,
      expect.stringMatching(/;r=0;t=\d+$/),
    ])
    const retry = Number(refused.headers.get('retry-after'))
    expect(retry).toBeGreaterThan(1790)
    expect(retry).toBeLessThanOrEqual(algorithm === 'token-bucket' ? 1800 : 5400)
    expect(t.server.stats().rateLimits).toEqual({ limited: 1, evicted: 0, uncounted: 0 })
  },
)

test.each(['token-bucket', 'sliding-window'] as const)(
  'what was taken comes back (%s)',
  async (algorithm) => {
    await using t = await serve(limit({ limit: 5, window: '1s', algorithm }))
    const url = t.server.url as string
    expect(await count([url], 10)).toMatchObject({ 429: expect.any(Number) })
    const end = Date.now() + 10_000
    while ((await t.fetch('/')).status !== 200) expect(Date.now()).toBeLessThan(end)
    // Keys that count for nothing are gone.
    const name = redis.ask('keys', `test${number - 1}:*`)
    await until(() => redis.ask('exists', name) === '0', 'the end of the key')
  },
)

test('different limits have different keys, and clients tell Redis no secrets', async () => {
  const options = limit({ key: { header: 'authorization' } })
  await using one = await serve(options)
  await using other = await serve({ ...options, limit: 20 })
  await using named = await serve({ ...options, name: 'other' })
  for (const t of [one, other, named]) await t.fetch('/', { headers: { authorization: 'Bearer secret' } })
  const names = redis.ask('keys', `${options.prefix}*`).split('\n')
  expect(names.length).toBe(3)
  for (const name of names) expect(name).toMatch(/:header-authorization:#[0-9a-f]{32}\|$/)
})

/** Runs `during` without Redis; it is back afterwards. */
async function without(t: TestServer, during: () => Promise<void>): Promise<void> {
  await redis.kill()
  try {
    await during()
  } finally {
    await redis.restart()
  }
  const uncounted = () => t.server.stats().rateLimits.uncounted
  // Counted again, and from the beginning: what Redis knew is gone.
  const end = Date.now() + 10_000
  for (let last = -1; last !== uncounted(); ) {
    expect(Date.now()).toBeLessThan(end)
    last = uncounted()
    await t.fetch('/')
  }
}

test("failure: 'open' lets everything pass while Redis is gone, and counts when it is back", async () => {
  await using t = await serve(limit({ limit: 3 }))
  const url = t.server.url as string
  expect(await count([url], 5)).toEqual({ 200: 3, 429: 2 })
  await without(t, async () => {
    expect(await count([url], 20)).toEqual({ 200: 20 })
    const response = await t.fetch('/')
    expect([response.status, response.headers.has('ratelimit')]).toEqual([200, false])
    expect(t.server.stats().rateLimits.uncounted).toBe(21)
  })
  expect(await count([url], 5)).toMatchObject({ 429: expect.any(Number) })
})

test("failure: 'closed' answers 503 while Redis is gone", async () => {
  await using t = await serve(limit({ failure: 'closed', limit: 3 }))
  const url = t.server.url as string
  expect(await count([url], 5)).toEqual({ 200: 3, 429: 2 })
  await without(t, async () => {
    expect(await count([url], 20)).toEqual({ 503: 20 })
    const response = await t.fetch('/')
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await response.json()).toMatchObject({ status: 503, code: 'ARMATURE_STORE_UNAVAILABLE' })
  })
  expect((await t.fetch('/')).headers.get('ratelimit')).not.toBeNull()
})

test('a Redis that hangs costs one timeout, not one for each request', async () => {
  await using t = await serve(limit({ redis: { url: redis.url, timeout: '400ms' } }))
  const url = t.server.url as string
  expect(await count([url], 3)).toEqual({ 200: 3 })
  redis.hang()
  try {
    const begun = performance.now()
    expect(await count([url], 50)).toEqual({ 200: 50 })
    // Whoever comes while it is tried again waits for that as well; then nobody waits.
    for (let n = 0; n < 50; n++) await t.fetch('/')
    expect(performance.now() - begun).toBeLessThan(400 * 10)
    expect(t.server.stats().rateLimits.uncounted).toBe(100)
  } finally {
    redis.goOn()
  }
})

test('a Redis that is not there when the server starts', async () => {
  const nobody = { url: 'redis://127.0.0.1:1' }
  await using open = await serve(limit({ redis: nobody }))
  await using closed = await serve(limit({ redis: nobody, failure: 'closed' }))
  expect([(await open.fetch('/')).status, (await closed.fetch('/')).status]).toEqual([200, 503])
})

test('the connection may be encrypted, with a certificate for either side', async () => {
  using root = new Authority()
  const server = root.issue('localhost')
  const client = root.issue('client')
  const port = await freePort()
  await using _redis = await RedisServer.start(
    ...['--tls-port', String(port), '--tls-ca-cert-file', root.ca],
    ...['--tls-cert-file', server.cert, '--tls-key-file', server.key],
  )
  const url = `rediss://localhost:${port}`
  const refused = { failure: 'closed', limit: 2 } as const
  const mutual = { url, ca: readFileSync(root.ca), cert: client.cert, key: readFileSync(client.key, 'utf8') }
  await using t = await serve(limit({ ...refused, redis: mutual }))
  expect(await count([t.url], 3)).toEqual({ 200: 2, 429: 1 })
  // Whom the system trusts has not signed it, and the server asks for a certificate.
  for (const redis of [
    { ...mutual, ca: undefined },
    { url, ca: root.ca },
  ]) {
    await using other = await serve(limit({ ...refused, redis }))
    expect(await count([other.url], 1)).toEqual({ 503: 1 })
  }
})

test('certificates are refused without TLS, alone, and when they are none', async () => {
  using root = new Authority()
  const { cert } = root.issue('client')
  const refused = (options: object) => expect(() => RateLimit.new(limit({ redis: options as never })))
  refused({ url: 'redis://localhost', ca: root.ca }).toThrow("let it begin with 'rediss://'")
  refused({ url: 'rediss://localhost', cert }).toThrow('it is of no use without RateLimit.redis.key')
  refused({ url: 'rediss://localhost', ca: 'no/such/file.pem' }).toThrow("'no/such/file.pem' cannot be read")
})
