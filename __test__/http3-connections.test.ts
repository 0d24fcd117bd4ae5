// Connections of HTTP/3 while certificates and code change, over IPv6, with certificates of clients, and from a browser.
import { execFile } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { App, HttpResponse, type ListenerOptions, type RunOptions, type Server } from '@armature/core'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { cacheDir } from '../scripts/lib/paths.mjs'
import { Authority } from './certificates.js'
import { isInline, needsTool } from './helper.js'
import { Http3Session, type Http3Target } from './http3-client.js'

// What is not there yet is installed.
vi.setConfig({ testTimeout: 120_000 })

const authority = new Authority()
const own = authority.issue('localhost', '127.0.0.1')
afterAll(() => authority[Symbol.dispose]())

const servers: Server[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close({ timeout: 0 })))
})

async function serve(app: App, listen: ListenerOptions = {}, options: RunOptions = {}): Promise<Server> {
  const listener = { host: '127.0.0.1', port: 0, tls: own, http3: true, ...listen }
  const server = await app.run({ listen: listener, ...options })
  servers.push(server)
  return server
}

const target = (server: Server, more: Partial<Http3Target> = {}): Http3Target => ({
  ca: authority.ca,
  port: server.port as number,
  ...more,
})

const serial = ({ cert }: { cert: string }) => new X509Certificate(readFileSync(cert)).serialNumber

test('setTls() is for handshakes to come; open connections stay', async (context) => {
  const server = await serve(App.new().get('/', () => 'here'))
  await using before = await Http3Session.to(context, target(server))
  expect(before.serial).toBe(serial(own))
  expect((await before.ask({ path: '/' })).body).toBe('here')
  const next = authority.issue('localhost')
  server.setTls(next)
  await using after = await Http3Session.to(context, target(server))
  expect(after.serial).toBe(serial(next))
  for (const session of [after, before]) expect((await session.ask({ path: '/' })).body).toBe('here')
  expect(server.stats()).toMatchObject({ connections: 2, accepted: 2 })
})

// Inline there is none.
test.skipIf(isInline)('reload() changes the code behind open connections', async (context) => {
  const folder = join(cacheDir, 'http3-reload', String(process.pid))
  mkdirSync(folder, { recursive: true })
  try {
    const listen = { host: '127.0.0.1', port: 0, tls: own, http3: true }
    const entry = join(folder, 'entry.cjs')
    const write = (version: string) =>
      writeFileSync(
        entry,
        `const { App } = require('@armature/core')
        App.new().get('/', () => '${version}').run({
          listen: ${JSON.stringify(listen)}, io: 1, signals: false, workers: { count: 2, entry: __filename },
        })`,
      )
    write('v0')
    const options: RunOptions = { io: 1, signals: false, workers: { count: 2, entry } }
    const server = await serve(
      App.new().get('/', () => 'v0'),
      listen,
      options,
    )
    await using session = await Http3Session.to(context, target(server))
    expect((await session.ask({ path: '/' })).body).toBe('v0')
    write('v1')
    await server.reload()
    expect((await session.ask({ path: '/' })).body).toBe('v1')
    expect(server.stats()).toMatchObject({ connections: 1, accepted: 1 })
    await server.close({ timeout: 0 })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('over IPv6', async (context) => {
  const has = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))
  context.skip(!has, 'there is no IPv6')
  const server = await serve(
    App.new().get('/', (req) => ({ ip: req.ip, protocol: req.protocol })),
    { host: '::1' },
  )
  await using session = await Http3Session.to(context, target(server, { host: '::1' }))
  const { body } = await session.ask({ path: '/' })
  expect(JSON.parse(body)).toEqual({ ip: '::1', protocol: 'HTTP/3' })
})

test.for(['request', 'require'] as const)('certificates of clients: %s', async (clientAuth, context) => {
  using clients = new Authority('Clients')
  const app = App.new().get('/', (req) => req.tls?.peerCertificate?.subject ?? 'nobody')
  const server = await serve(app, { tls: { ...own, clientAuth, ca: clients.ca } })
  await using known = await Http3Session.to(context, target(server, clients.issue('somebody')))
  expect((await known.ask({ path: '/' })).body).toContain('somebody')
  const ask = async (more: Partial<Http3Target>) => {
    // In TLS 1.3 a client may have sent its request when it hears that it was refused.
    await using session = await Http3Session.to(context, target(server, more))
    return (await session.ask({ path: '/' })).body
  }
  if (clientAuth === 'require') await expect(ask({})).rejects.toThrow()
  else expect(await ask({})).toBe('nobody')
  // Another authority has signed it.
  await expect(ask(authority.issue('else'))).rejects.toThrow()
})

test('a browser', async (context) => {
  needsTool(context, 'chromium', '--version')
  const page = `<!doctype html><title>page</title><p id=p></p><script>
    const [entry] = performance.getEntriesByType('navigation')
    document.getElementById('p').textContent = entry.nextHopProtocol
  </script>`
  const server = await serve(App.new().get('/', () => HttpResponse.html(page)))
  const { publicKey } = new X509Certificate(readFileSync(own.cert))
  const spki = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
  const profile = mkdtempSync(join(tmpdir(), 'armature-chromium-'))
  try {
    const { stdout } = await promisify(execFile)(
      'chromium',
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
        ...['--enable-quic', `--origin-to-force-quic-on=localhost:${server.port}`],
        ...[`--ignore-certificate-errors-spki-list=${spki}`, `--user-data-dir=${profile}`],
        ...[
          '--host-resolver-rules=MAP localhost 127.0.0.1',
          '--dump-dom',
          `https://localhost:${server.port}/`,
        ],
      ],
      { timeout: 60_000 },
    )
    expect(stdout).toContain('<p id="p">h3</p>')
    expect(server.stats().tls.handshakes).toBeGreaterThan(0)
  } finally {
    rmSync(profile, { recursive: true, force: true })
  }
})
