// HTTP/3 for handlers in JavaScript, with the clients of aioquic and of ngtcp2.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { App, HttpResponse, type Server } from '@armature/core'
import { afterAll, afterEach, expect, type TestContext, test, vi } from 'vitest'
import { Authority } from './certificates.js'
import { needsTool } from './helper.js'
import { type Answer, type Asked, aioquic, script } from './http3-client.js'

// What is not there yet is installed.
vi.setConfig({ testTimeout: 120_000 })

const authority = new Authority()
const own = authority.issue('localhost', '127.0.0.1')
afterAll(() => authority[Symbol.dispose]())

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serve(http3: boolean | { strangers: number } = true): Promise<Server> {
  const app = App.new()
    .get('/seen', (req) => ({
      protocol: req.protocol,
      ip: req.ip,
      secure: req.secure,
      host: req.host,
      tls: { ...req.tls, peerCertificate: undefined },
    }))
    .get('/upper', () =>
      HttpResponse.text('a')
        .header('X-Upper', '1')
        .header(`X-${'Long'.repeat(40)}`, '2'),
    )
    .post('/length', { limits: { body: '2mb' } }, async (req) => ({ length: (await req.bytes()).length }))
    .get('/stream', () =>
      HttpResponse.stream(async (out) => {
        for (let i = 0; i < 100; i++) await out.write('x'.repeat(1000))
      }),
    )
  const server = await app.run({ listen: { host: '127.0.0.1', port: 0, tls: own, http3 } })
  cleanups.push(() => server.close())
  return server
}

async function ask(t: TestContext, server: Server, requests: Asked[]): Promise<Answer[]> {
  const env = { ...process.env, ...aioquic(t) }
  const work = JSON.stringify({ ca: authority.ca, port: server.port, requests })
  const { stdout } = await promisify(execFile)('python3', [script, work], { env })
  return JSON.parse(stdout) as Answer[]
}

test('aioquic: a request is what it is in HTTP/1, several at the same time, bodies both ways', async (t) => {
  const server = await serve()
  const [seen, length, stream, none, upper] = await ask(t, server, [
    { path: '/seen' },
    { path: '/length', method: 'POST', body: 'abcde', times: 200_000 },
    { path: '/stream' },
    { path: '/none' },
    { path: '/upper' },
  ])
  expect(JSON.parse(seen.body)).toEqual({
    protocol: 'HTTP/3',
    ip: '127.0.0.1',
    secure: true,
    host: `localhost:${server.port}`,
    tls: { version: 'TLSv1.3', cipher: expect.stringMatching(/^TLS_/), serverName: 'localhost', alpn: 'h3' },
  })
  expect(JSON.parse(length.body)).toEqual({ length: 1_000_000 })
  expect(stream.body).toBe('100000')
  expect(none.headers[':status']).toBe('404')
  expect(upper.headers).toMatchObject({ 'x-upper': '1', [`x-${'long'.repeat(40)}`]: '2' })
  expect(server.stats().tls.handshakes).toBe(1)
})

test('aioquic: who has to prove its address is served all the same', async (t) => {
  const server = await serve({ strangers: 0 })
  const [seen] = await ask(t, server, [{ path: '/seen' }])
  expect(seen.headers[':status']).toBe('200')
  expect(server.stats().tls.retries).toBe(1)
})

test('gtlsclient: a request is answered', async (t) => {
  needsTool(t, 'gtlsclient')
  const server = await serve()
  const url = `https://localhost:${server.port}/seen`
  const flags = ['--exit-on-all-streams-close', '--timeout=5s']
  const { stderr, stdout } = await promisify(execFile)('gtlsclient', [
    ...flags,
    '127.0.0.1',
    String(server.port),
    url,
  ])
  expect(`${stdout}${stderr}`).toContain('[:status: 200]')
})
