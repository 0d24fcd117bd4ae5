import { App, HttpError, HttpResponse } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { isInline, RawClient, until } from './helper.js'

let log: string[]
beforeEach(() => {
  log = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    log.push(String(text))
    return true
  })
})
afterEach(() => vi.restoreAllMocks())

const bad = App.new({ timeouts: { handler: '300ms' } })
  .get('/ok', () => 'ok')
  .get('/throw', () => {
    throw new Error('thrown secret')
  })
  .get('/reject', () => Promise.reject(new Error('rejected secret')))
  .get('/throw-null', () => {
    throw null
  })
  .get('/never', () => new Promise(() => {}))
  .get('/symbol', () => Symbol('x') as never)
  .get('/bigint', () => 1n as never)
  .get('/function', () => (() => 1) as never)
  .get('/cyclic', () => {
    const value: Record<string, unknown> = {}
    value.self = value
    return value
  })
  .get('/tojson', () => ({
    toJSON() {
      throw new Error('toJSON secret')
    },
  }))
  .get('/thenable', () => ({
    // biome-ignore lint/suspicious/noThenProperty: a thenable that misbehaves is the point
    then(resolve: (value: string) => void, reject: (error: Error) => void) {
      resolve('first')
      resolve('second')
      reject(new Error('third'))
      throw new Error('fourth')
    },
  }))
  .get('/getter', () => {
    throw Object.defineProperty({}, 'message', {
      get() {
        throw new Error('hostile')
      },
    })
  })
  .get('/http', () => {
    throw new HttpError(409, 'taken', { code: 'NAME_TAKEN' })
  })
  .get('/hidden', () => {
    throw new HttpError(503, 'database secret')
  })

test('a handler that misbehaves costs nobody else anything', async () => {
  await using t = await testServer(bad)
  const paths = [
    'throw',
    'reject',
    'throw-null',
    'symbol',
    'bigint',
    'function',
    'cyclic',
    'tojson',
    'getter',
  ]
  for (const path of paths) {
    const [res, other] = await Promise.all([t.fetch(`/${path}`), t.fetch('/ok')])
    expect([path, res.status, await other.text()]).toEqual([path, 500, 'ok'])
    expect(res.headers.get('content-type')).toBe('application/problem+json')
    const problem = await res.json()
    expect(problem.requestId).toMatch(/^[0-9a-f]+-[0-9a-f]+$/)
  }
  expect(await (await t.fetch('/thenable')).text()).toBe('first')
  expect(log.join('')).toContain('thrown secret')
  expect(log.join('')).toContain('rejected secret')
  expect(t.server.stats()).toMatchObject({ inFlight: 0 })
})

test('errors that were made for the client arrive; others do not', async () => {
  await using t = await testServer(
    App.new()
      .get('/http', () => {
        throw new HttpError(409, 'taken', { code: 'NAME_TAKEN' })
      })
      .get('/hidden', () => {
        throw new HttpError(503, 'database secret')
      }),
  )
  const res = await t.fetch('/http')
  expect([res.status, await res.json()]).toMatchObject([409, { detail: 'taken', code: 'NAME_TAKEN' }])
  const hidden = await t.fetch('/hidden')
  expect([hidden.status, (await hidden.json()).detail]).toEqual([503, undefined])
})

test.skipIf(isInline)('a deadline is kept while JavaScript is busy', async () => {
  const app = App.new({ timeouts: { handler: '200ms' } })
    .get('/busy', () => {
      const until = Date.now() + 700
      while (Date.now() < until);
      return 'late'
    })
    .get('/ok', () => 'ok')
  await using t = await testServer(app)
  await using client = await RawClient.to(t.server.port)
  client.send('GET /busy HTTP/1.1\r\nhost: t\r\n\r\n')
  const reply = await client.read()
  // The loop is blocked, so the time cannot be measured here; what counts is that the late answer was not used.
  expect([reply.status, reply.headers['retry-after']]).toEqual([503, '1'])
  expect(t.server.stats().handlerTimeouts).toBe(1)
  expect((await client.get('/ok')).body).toBe('ok')
})

test('a handler that never answers gets 503 and its signal aborted', async () => {
  let reason: unknown
  const app = App.new({ timeouts: { handler: '100ms' } }).get('/', (req) => {
    req.signal.addEventListener('abort', () => {
      reason = req.signal.reason
    })
    return new Promise<string>(() => {})
  })
  await using t = await testServer(app)
  expect((await t.fetch('/')).status).toBe(503)
  await until(() => reason !== undefined, 'abort')
  expect(reason).toMatchObject({ name: 'AbortError', code: 'ARMATURE_HANDLER_TIMEOUT' })
})

test('a client that leaves aborts the signal; the late answer is dropped', async () => {
  let reason: { code?: string } | undefined
  let release: (value: string) => void = () => {}
  const app = App.new()
    .get('/wait', (req) => {
      req.signal.addEventListener('abort', () => {
        reason = req.signal.reason
      })
      return new Promise<string>((resolve) => {
        release = resolve
      })
    })
    .get('/ok', () => 'ok')
  await using t = await testServer(app)
  const client = await RawClient.to(t.server.port)
  client.send('GET /wait HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => t.server.stats().lanes[0]?.pending === 1, 'the request')
  client.socket.destroy()
  await until(() => reason !== undefined, 'abort')
  expect(reason?.code).toBe('ARMATURE_CLIENT_GONE')
  release('late')
  expect(await (await t.fetch('/ok')).text()).toBe('ok')
  await until(() => t.server.stats().inFlight === 0, 'the slot')
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the lane')
})

test('the signal of a request that succeeds is never aborted', async () => {
  const signals: AbortSignal[] = []
  const app = App.new().get('/', async (req) => {
    signals.push(req.signal)
    return 'x'
  })
  await using t = await testServer(app)
  for (let i = 0; i < 5; i++) {
    const client = await RawClient.to(t.server.port)
    await client.get('/')
    client.socket.destroy()
  }
  await until(() => t.server.stats().connections === 0, 'the connections')
  expect(signals.map((signal) => signal.aborted)).toEqual([false, false, false, false, false])
})

test('one response answers one request', async () => {
  const shared = HttpResponse.ok('shared')
  const app = App.new().get('/', () => shared)
  await using t = await testServer(app)
  expect((await t.fetch('/')).status).toBe(200)
  const second = await t.fetch('/')
  expect([second.status, (await second.json()).code]).toEqual([500, 'ARMATURE_RESPONSE_REUSED'])
})

test('5,000 concurrent requests over 50 connections are all answered with their own nonce', async () => {
  const app = App.new().get('/:nonce', async (req) => {
    if (Number(req.param('nonce')) % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
    return req.param('nonce')
  })
  await using t = await testServer(app)
  const answered = await Promise.all(
    Array.from({ length: 50 }, async (_, c) => {
      await using client = await RawClient.to(t.server.port)
      for (let i = 0; i < 100; i++) client.send(`GET /${c * 100 + i} HTTP/1.1\r\nhost: t\r\n\r\n`)
      const bodies: string[] = []
      for (let i = 0; i < 100; i++) bodies.push((await client.read()).body)
      return bodies
    }),
  )
  expect(answered.flat()).toEqual(Array.from({ length: 5000 }, (_, i) => String(i)))
  expect(t.server.stats()).toMatchObject({ requests: 5000, inFlight: 0, shed: 0 })
})

test('a full queue sheds with 503 and Retry-After, and recovers', async () => {
  const app = App.new({ limits: { inFlight: 5 } }).get(
    '/',
    () => new Promise<string>((resolve) => setTimeout(resolve, 50, 'x')),
  )
  await using t = await testServer(app)
  const replies = await Promise.all(
    Array.from({ length: 20 }, async () => {
      await using client = await RawClient.to(t.server.port)
      return await client.get('/')
    }),
  )
  const statuses = replies.map((reply) => reply.status)
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(5)
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0)
  expect(replies.find((reply) => reply.status === 503)?.headers['retry-after']).toBe('1')
  expect((await t.fetch('/')).status).toBe(200)
})

test('what throws when it is looked at is a 500 too, and the server goes on', async () => {
  const hostile: Record<string, () => unknown> = {
    code: () =>
      Object.defineProperty(new Error('x'), 'code', {
        get() {
          throw new Error('hostile code')
        },
      }),
    inspect: () => ({
      [Symbol.for('nodejs.util.inspect.custom')]() {
        throw new Error('hostile inspect')
      },
    }),
    proxy: () =>
      new Proxy(
        {},
        {
          get() {
            throw new Error('hostile proxy')
          },
          has() {
            throw new Error('hostile proxy')
          },
        },
      ),
  }
  const app = App.new()
    .get('/sync/:kind', (req) => {
      throw hostile[req.param('kind')]?.()
    })
    .get('/async/:kind', async (req) => {
      throw hostile[req.param('kind')]?.()
    })
    .get('/ok', () => 'ok')
  await using t = await testServer(app)
  for (const kind of Object.keys(hostile)) {
    for (const form of ['sync', 'async']) {
      expect([kind, form, (await t.fetch(`/${form}/${kind}`)).status]).toEqual([kind, form, 500])
    }
  }
  expect(await (await t.fetch('/ok')).text()).toBe('ok')
})

test('a handler that streams or reads after its deadline disturbs nobody', async () => {
  const late: (() => Promise<unknown>)[] = []
  let returned = 0
  const app = App.new({ timeouts: { handler: '100ms' } })
    .post('/late', async (req) => {
      await new Promise<void>((resolve) => late.push(async () => resolve()))
      await req.bytes().catch(() => {})
      return HttpResponse.stream(
        (async function* () {
          try {
            for (;;) yield 'x'.repeat(100_000)
          } finally {
            returned++
          }
        })(),
      )
    })
    .get('/big', { timeout: '10s' }, () =>
      HttpResponse.stream(async function* () {
        for (const release of late.splice(0)) await release()
        for (let i = 0; i < 50; i++) {
          yield Buffer.alloc(100_000)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }),
    )
  await using t = await testServer(app)
  const init = { method: 'POST', body: Buffer.alloc(100_000) }
  const statuses = await Promise.all([1, 2, 3].map(async () => (await t.fetch('/late', init)).status))
  expect(statuses).toEqual([503, 503, 503])
  const sizes = await Promise.all(
    [1, 2, 3].map(async () => (await (await t.fetch('/big')).arrayBuffer()).byteLength),
  )
  expect(sizes).toEqual([5_000_000, 5_000_000, 5_000_000])
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slots')
  expect(returned).toBe(0)
})

test('an error after the deadline, and a slow answer to it, disturb nobody', async () => {
  const late: (() => void)[] = []
  let answered = 0
  const app = App.new({ timeouts: { handler: '100ms' } })
    .get('/late', async () => {
      await new Promise<void>((resolve) => late.push(resolve))
      throw new HttpError(418, 'too late')
    })
    .get('/big', { timeout: '10s' }, () =>
      HttpResponse.stream(async function* () {
        for (let i = 0; i < 50; i++) {
          yield Buffer.alloc(100_000)
          for (const release of late.splice(0)) release()
          await new Promise((resolve) => setImmediate(resolve))
        }
      }),
    )
    .onError(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      answered++
      return 'never seen'
    })
  await using t = await testServer(app)
  const statuses = await Promise.all([1, 2, 3].map(async () => (await t.fetch('/late')).status))
  expect(statuses).toEqual([503, 503, 503])
  const sizes = await Promise.all(
    [1, 2, 3].map(async () => (await (await t.fetch('/big')).arrayBuffer()).byteLength),
  )
  expect(sizes).toEqual([5_000_000, 5_000_000, 5_000_000])
  expect(answered).toBe(3)
  await until(() => t.server.stats().lanes[0]?.pending === 0, 'the slots')
})
