// Timeout: the time of handlers, for a scope or a route.
import { App, HttpResponse, scope, Timeout, type TimeoutLayerOptions } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { Session } from './http2-client.js'

const SHORT = { handler: '40ms' }
const LONG = { handler: '1h' }

/** Answers when its client is gone or its time is over, and notes why. */
function slow(reasons: unknown[] = []) {
  return (req: { signal: AbortSignal }) =>
    new Promise<string>((resolve) => {
      req.signal.addEventListener('abort', () => {
        reasons.push(req.signal.reason.code)
        resolve('too late')
      })
    })
}

test('the innermost counts, over HTTP/1 and HTTP/2', async () => {
  const reasons: unknown[] = []
  const late = slow(reasons)
  const app = App.new({ timeouts: { handler: '1h' } })
    .wrap(Timeout.new(LONG))
    .service(
      scope('/short')
        .wrap(Timeout.new(SHORT))
        .get('/scope', late)
        .get('/route', { use: [Timeout.new(LONG), Timeout.new(SHORT)] }, late)
        .get('/option', { use: [Timeout.new(LONG)], timeout: '30ms' }, late)
        .default(late),
    )
  await using t = await testServer(app)
  await using client = new Session(t)
  for (const path of ['/short/scope', '/short/route', '/short/option', '/short/nowhere']) {
    const response = await t.fetch(path)
    expect([response.status, response.headers.get('retry-after')], path).toEqual([503, '1'])
    expect(await response.json()).toMatchObject({ code: 'ARMATURE_HANDLER_TIMEOUT' })
    expect((await client.ask(path)).status, path).toBe(503)
  }
  expect(reasons).toEqual(Array(8).fill('ARMATURE_HANDLER_TIMEOUT'))
  expect(t.server.stats().handlerTimeouts).toBe(8)
})

test('more than the server, or a scope around, gives', async () => {
  const answer = () => new Promise<string>((resolve) => setTimeout(() => resolve('in time'), 120))
  const app = App.new({ timeouts: { handler: '30ms' } })
    .get('/server', answer)
    .service(
      scope('/scope')
        .wrap(Timeout.default())
        .get('/', answer)
        .get('/route', { use: [Timeout.new(SHORT)] }, answer)
        .get('/option', { use: [Timeout.new(SHORT)], timeout: '10s' }, answer),
    )
  await using t = await testServer(app)
  const statuses = ['/server', '/scope', '/scope/route', '/scope/option'].map(
    async (path) => (await t.fetch(path)).status,
  )
  expect(await Promise.all(statuses)).toEqual([503, 200, 503, 200])
})

test('a stream may take longer than its head', async () => {
  const app = App.new().get('/', { use: [Timeout.new(SHORT)] }, () =>
    HttpResponse.stream(
      (async function* () {
        yield 'a'
        await new Promise((resolve) => setTimeout(resolve, 120))
        yield 'b'
      })(),
    ),
  )
  await using t = await testServer(app)
  expect(await (await t.fetch('/')).text()).toBe('ab')
})

test('explain() shows it', () => {
  const app = App.new()
    .wrap(Timeout.default())
    .get('/', () => 'x')
  expect(app.explain('/').chain).toEqual([{ name: 'timeout', native: true }])
})

test.each<[TimeoutLayerOptions, string]>([
  [{ handler: 0 }, 'Timeout.handler: 0ms is not a duration from 1ms to 24h; it cannot be turned off'],
  [{ handler: '25h' }, 'Timeout.handler: 25h is not a duration from 1ms to 24h'],
  [{ handler: 'soon' }, "Timeout.handler: 'soon' is not a duration"],
  [
    { handlers: 1 } as TimeoutLayerOptions,
    'Timeout.handlers is not an option; did you mean Timeout.handler?',
  ],
])('wrong options: %j', (options, message) => {
  const error = { code: 'ARMATURE_OPTION_INVALID', message: expect.stringContaining(message) }
  expect(() => Timeout.new(options)).toThrow(expect.objectContaining(error))
})
