// The fields that tell browsers what a page may do, over real connections and for every kind of handler.
import { request as secureRequest } from 'node:https'
import { App, fixed, HttpResponse, SecurityHeaders, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { Authority } from './certificates.js'
import { Session } from './http2-client.js'

// What `helmet()` of helmet 8 sends, but for Strict-Transport-Security, which it sends without TLS too.
const HELMET = {
  'content-security-policy':
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';" +
    "img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';" +
    "style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
}
const HSTS = 'strict-transport-security'

const every = () =>
  App.new()
    .wrap(SecurityHeaders.default())
    .get('/js', () => 'js')
    .get('/fixed', fixed(HttpResponse.text('fixed')))
    .get('/stream', () => HttpResponse.stream(['a', 'b']))
    .get('/throws', () => {
      throw new Error('no')
    })

const PATHS = ['/js', '/fixed', '/stream', '/throws', '/missing']

test('every answer has them, over HTTP/1 and HTTP/2', async () => {
  await using t = await testServer(every())
  await using client = new Session(t)
  for (const path of PATHS) {
    const headers = Object.fromEntries((await t.fetch(path)).headers)
    expect(headers, path).toMatchObject(HELMET)
    expect(headers, path).not.toHaveProperty(HSTS)
    expect((await client.ask(path)).headers, path).toMatchObject(HELMET)
  }
})

test('Strict-Transport-Security is for TLS', async () => {
  using authority = new Authority()
  const { cert, key } = authority.issue('127.0.0.1')
  const server = await every().run({
    listen: { port: 0, host: '127.0.0.1', tls: { cert, key } },
    signals: false,
  })
  await using _ = server
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const options = {
      port: server.port,
      host: '127.0.0.1',
      path: '/js',
      rejectUnauthorized: false,
      agent: false,
    }
    secureRequest(options, (res) => resolve(res.resume().headers))
      .on('error', reject)
      .end()
  })
  expect(headers).toMatchObject({ ...HELMET, [HSTS]: 'max-age=31536000; includeSubDomains' })
})

test('a trusted proxy may say that there is TLS', async () => {
  for (const trustProxy of [['127.0.0.1'], ['10.0.0.0/8']]) {
    const app = App.new({ trustProxy })
      .wrap(SecurityHeaders.default())
      .get('/', fixed(HttpResponse.text('x')))
    await using t = await testServer(app)
    const forwarded = { 'x-forwarded-for': '9.9.9.9', 'x-forwarded-proto': 'https' }
    const { headers } = await t.fetch('/', { headers: forwarded })
    expect(headers.has(HSTS)).toBe(trustProxy[0] === '127.0.0.1')
  }
})

test('what a handler or an inner layer sets stays', async () => {
  const app = App.new()
    .wrap(SecurityHeaders.default())
    .get('/own', () =>
      HttpResponse.text('x').header('X-Frame-Options', 'DENY').header('referrer-policy', 'origin'),
    )
    .service(
      scope('/inner')
        .wrap(SecurityHeaders.new({ xFrameOptions: 'DENY', contentSecurityPolicy: false }))
        .get('', fixed(HttpResponse.text('x'))),
    )
  await using t = await testServer(app)
  const own = (await t.fetch('/own')).headers
  expect(own.get('x-frame-options')).toBe('DENY')
  expect(own.get('referrer-policy')).toBe('origin')
  const inner = (await t.fetch('/inner')).headers
  expect(inner.get('x-frame-options')).toBe('DENY')
  expect(inner.get('content-security-policy')).toBe(HELMET['content-security-policy'])
})

test('each request has its own nonce, which nobody else chooses', async () => {
  const csp = {
    useDefaults: false,
    directives: { scriptSrc: ["'self'", "'nonce'"], 'style-src': ["'nonce'"] },
  }
  const app = App.new()
    .wrap(SecurityHeaders.new({ contentSecurityPolicy: csp }))
    .get('/', (req) => ({ nonce: req.cspNonce, names: [...req.headers].map(([name]) => name) }))
    .service(
      scope('/inner')
        .wrap(SecurityHeaders.new({ contentSecurityPolicy: csp }))
        .get('', (req) => ({ nonce: req.cspNonce })),
    )
  await using t = await testServer(app)
  const seen = new Set<string>()
  for (const path of ['/', '/', '/inner']) {
    const response = await t.fetch(path, { headers: { 'csp-nonce': 'evil' } })
    const { nonce, names = [] } = (await response.json()) as { nonce: string; names?: string[] }
    expect(nonce).toMatch(/^[0-9a-f]{32}$/)
    const policy = `script-src 'self' 'nonce-${nonce}';style-src 'nonce-${nonce}'`
    expect(response.headers.get('content-security-policy')).toBe(policy)
    expect(names.filter((name) => name.includes(':'))).toEqual([])
    seen.add(nonce)
  }
  expect(seen.size).toBe(3)
  const bare = App.new()
    .wrap(SecurityHeaders.default())
    .get('/', (req) => String(req.cspNonce))
  expect(await (await bare.inject('/')).text()).toBe('undefined')
})

test('report only, and for APIs', async () => {
  const reporting = SecurityHeaders.new({ contentSecurityPolicy: { reportOnly: true } })
  const report = (await App.new().wrap(reporting).inject('/')).headers
  expect(report.get('content-security-policy-report-only')).toBe(HELMET['content-security-policy'])
  expect(report.has('content-security-policy')).toBe(false)
  const api = (await App.new().wrap(SecurityHeaders.api()).inject('/')).headers
  expect(api.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
  expect(api.get('x-frame-options')).toBe('DENY')
})

test('wrong options are refused when the layer is made', () => {
  const wrong = { contentSecurityPolicy: { directives: { 'script-src': ['self'] } } }
  expect(() => SecurityHeaders.new(wrong)).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: 'ARMATURE_OPTION_INVALID',
      message: expect.stringContaining('quotes'),
    }),
  )
})
