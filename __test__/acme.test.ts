// Certificates that the server gets by itself, from pebble: both proofs, renewal, restarts, an authority that fails.
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { type AcmeOptions, type AcmeStats, App, type ListenerOptions, type Server } from '@armature/core'
import { afterAll, afterEach, beforeEach, expect, type TestContext, test, vi } from 'vitest'
import { Authority } from './certificates.js'
import { needsTool, RawClient } from './helper.js'
import { freePort, Pebble, type PebbleOptions } from './pebble.js'

vi.setConfig({ testTimeout: 60_000 })

const authority = new Authority('Root of the directory')
afterAll(() => authority[Symbol.dispose]())

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

let storage = ''
let warnings: string[] = []
beforeEach((context) => {
  needsPebble(context)
  storage = mkdtempSync(join(tmpdir(), 'armature-acme-'))
  warnings = []
  const onWarning = (warning: Error & { code?: string }) => {
    if (warning.code === 'ARMATURE_TLS') warnings.push(warning.message)
  }
  process.on('warning', onWarning)
  cleanups.push(() => {
    process.off('warning', onWarning)
    rmSync(storage, { recursive: true, force: true })
  })
})

function needsPebble(context: TestContext): void {
  needsTool(context, 'pebble', '--help')
  needsTool(context, 'pebble-challtestsrv', '--help')
  needsTool(context, 'openssl', 'version')
}

const DOMAINS = ['www.example.test', 'example.test']

async function pebble(options: PebbleOptions): Promise<Pebble> {
  const started = await Pebble.start(authority, options)
  cleanups.push(() => started[Symbol.asyncDispose]())
  return started
}

const acme = (directory: string, more: Partial<AcmeOptions> = {}): AcmeOptions => ({
  domains: DOMAINS,
  email: 'admin@example.test',
  directory,
  storage: join(storage, 'acme'),
  ca: authority.ca,
  retry: 200,
  retryMax: 1000,
  ...more,
})

async function run(listen: ListenerOptions[]): Promise<Server> {
  const app = App.new().get('/', (req) => `${req.tls?.serverName} ${req.path}`)
  const here = listen.map((one) => ({ host: '127.0.0.1', ...one }))
  const server = await app.run({ listen: here, signals: false })
  cleanups.push(() => server.close({ timeout: 0 }))
  return server
}

const stats = (server: Server): AcmeStats => server.stats().tls.acme[0] as AcmeStats

async function reaches(server: Server, expected: Partial<AcmeStats>): Promise<void> {
  await expect.poll(() => stats(server), { timeout: 30_000, interval: 20 }).toMatchObject(expected)
}

interface Shaken {
  socket: TLSSocket
  certificate: PeerCertificate
}

function shake(port: number, servername: string, ca?: string): Promise<Shaken> {
  return new Promise((resolve, reject) => {
    const options = ca === undefined ? { rejectUnauthorized: false } : { ca }
    const socket = connect({ port, host: '127.0.0.1', servername, ...options })
    cleanups.push(() => socket.destroy())
    socket.once('error', reject)
    socket.once('secureConnect', () => resolve({ socket, certificate: socket.getPeerCertificate() }))
  })
}

/** Everything below a folder, by its path in it. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

test.for(['tls-alpn-01', 'http-01'] as const)('%s, with nonces that are refused', async (challenge) => {
  const [tlsPort, httpPort] = [await freePort(), await freePort()]
  const ca = await pebble({ tlsPort, httpPort, badNonces: 50 })
  const listen: ListenerOptions[] = [{ port: tlsPort, tls: { acme: acme(ca.directory, { challenge }) } }]
  if (challenge === 'http-01') listen.push({ port: httpPort, redirectHttps: true })
  const server = await run(listen)
  // It serves at once; until there is a certificate nobody can shake hands.
  if (stats(server).state === 'missing') {
    await expect(shake(tlsPort, 'example.test')).rejects.toThrow()
  }
  await reaches(server, { state: 'valid', ordering: false, obtained: 1, error: null, domains: DOMAINS })
  const root = await ca.root()
  for (const name of DOMAINS) {
    const { socket, certificate } = await shake(tlsPort, name, root)
    expect(certificate.subjectaltname?.split(', ').sort()).toEqual([
      'DNS:example.test',
      'DNS:www.example.test',
    ])
    socket.write(`GET / HTTP/1.1\r\nhost: ${name}\r\n\r\n`)
    const answer = await new Promise((resolve) => socket.once('data', resolve))
    expect(String(answer)).toContain(`${name} /`)
  }
  expect(ca.output).toContain('Issued certificate')
  expect(ca.output).toContain('Configured to reject 50% of good nonces')
  expect(warnings[0]).toMatch(
    /^listen(\[0\])?\.tls\.acme: there is no certificate for www\.example\.test, example\.test yet/,
  )
  const { expires, next } = stats(server)
  const life = 86_400_000
  expect(expires).toBeGreaterThan(Date.now() + life - 60_000)
  expect(expires).toBeLessThan(Date.now() + life)
  // A third of its life before its end.
  expect((expires ?? 0) - (next ?? 0)).toBeGreaterThan(life / 3 - 60_000)
  expect((expires ?? 0) - (next ?? 0)).toBeLessThan(life / 3 + 60_000)
  // Proofs are gone when they are not needed any more.
  if (challenge === 'http-01') {
    await using client = await RawClient.to(httpPort)
    expect((await client.get('/.well-known/acme-challenge/token')).status).toBe(308)
  } else {
    const proof = connect({
      port: tlsPort,
      host: '127.0.0.1',
      servername: 'example.test',
      ALPNProtocols: ['acme-tls/1'],
    })
    await expect(new Promise((_, reject) => proof.once('error', reject))).rejects.toThrow(
      /no application protocol/i,
    )
  }
  // Keys are for their owner alone.
  expect(statSync(join(storage, 'acme')).mode & 0o777).toBe(0o700)
  const files = filesBelow(storage)
  expect(files).toHaveLength(3)
  for (const file of files) expect(statSync(file).mode & 0o777, file).toBe(0o600)
})

test('is renewed before it expires, and open connections stay', async () => {
  const tlsPort = await freePort()
  const ca = await pebble({ tlsPort, validity: 6 })
  const server = await run([{ port: tlsPort, tls: { acme: acme(ca.directory) } }])
  await reaches(server, { obtained: 1 })
  const root = await ca.root()
  const first = await shake(tlsPort, 'example.test', root)
  // Whoever connects meanwhile never sees one that has expired, or none.
  const seen = new Set<string>()
  const until = Date.now() + 9000
  while (Date.now() < until) {
    const { socket, certificate } = await shake(tlsPort, 'example.test', root)
    seen.add(certificate.serialNumber)
    expect(Date.parse(certificate.valid_to)).toBeGreaterThan(Date.now() - 1000)
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  expect(seen.size).toBeGreaterThanOrEqual(2)
  expect(stats(server)).toMatchObject({ state: 'valid', failed: 0 })
  expect(stats(server).obtained).toBeGreaterThanOrEqual(2)
  // The connection of the first certificate is that of before.
  first.socket.write('GET /still HTTP/1.1\r\nhost: a\r\n\r\n')
  const answer = await new Promise((resolve) => first.socket.once('data', resolve))
  expect(String(answer)).toContain('404')
})

test('a restart takes what is there, with the same account', async () => {
  const tlsPort = await freePort()
  const ca = await pebble({ tlsPort })
  const tls = { acme: acme(ca.directory) }
  const server = await run([{ port: tlsPort, tls }])
  await reaches(server, { obtained: 1 })
  const { certificate } = await shake(tlsPort, 'example.test')
  await server.close()
  const again = await run([{ port: tlsPort, tls }])
  // From the first handshake on, without an authority.
  const second = await shake(tlsPort, 'example.test')
  expect(second.certificate.serialNumber).toBe(certificate.serialNumber)
  expect(stats(again)).toMatchObject({ state: 'valid', obtained: 0 })
  await again.close()
  // Another certificate is ordered by the same account, which hears of its new address.
  const other = { acme: acme(ca.directory, { domains: ['other.test'], email: 'other@example.test' }) }
  const third = await run([{ port: tlsPort, tls: other }])
  await reaches(third, { obtained: 1 })
  const accounts = ca.output.match(/There are now \d+ accounts in memory/g)
  expect(accounts).toEqual(['There are now 1 accounts in memory'])
  expect(
    filesBelow(storage)
      .map((file) => readFileSync(file, 'utf8'))
      .join(),
  ).toContain('other@example.test')
})

test('an authority that fails is asked again, and nothing is taken away', async () => {
  const [tlsPort, port] = [await freePort(), await freePort()]
  const directory = `https://localhost:${port}/dir`
  const server = await run([{ port: tlsPort, tls: { acme: acme(directory) } }])
  // Nobody is there.
  await expect.poll(() => stats(server).failed, { timeout: 20_000 }).toBeGreaterThanOrEqual(2)
  expect(stats(server)).toMatchObject({ state: 'missing', error: expect.stringContaining(directory) })
  expect(
    warnings.some((warning) => /no certificate was obtained: .*tried again in \d+ s$/.test(warning)),
  ).toBe(true)
  // Somebody is, but looks for proofs where nobody answers.
  const deaf = await pebble({ port, tlsPort: await freePort() })
  await expect.poll(() => stats(server).error, { timeout: 20_000 }).toContain('the authority refused')
  expect(stats(server).error).toContain('example.test')
  await deaf[Symbol.asyncDispose]()
  // It does not know the account any more, and all is well; but certificates are short.
  const ca = await pebble({ port, tlsPort, validity: 4 })
  await reaches(server, { state: 'valid', obtained: 1, error: null })
  const { certificate } = await shake(tlsPort, 'example.test')
  await ca[Symbol.asyncDispose]()
  const { failed } = stats(server)
  await expect.poll(() => stats(server).failed, { timeout: 20_000 }).toBeGreaterThan(failed)
  await reaches(server, { state: 'expired' })
  const still = await shake(tlsPort, 'example.test')
  expect(still.certificate.serialNumber).toBe(certificate.serialNumber)
  expect(warnings.at(-1)).toContain('the certificate in use stays')
})

test('beside certificates of its own, by name; setTls() ends it', async () => {
  const tlsPort = await freePort()
  const ca = await pebble({ tlsPort })
  const own = authority.issue('own.test')
  const listed = authority.issue('listed.test')
  const clientAuth = { clientAuth: 'require' as const, ca: authority.ca }
  const tls = { ...own, certificates: [listed], acme: acme(ca.directory), ...clientAuth }
  const server = await run([{ port: tlsPort, tls }])
  // The authority shows no certificate, though clients have to.
  await reaches(server, { obtained: 1 })
  const client = authority.issue('client')
  const named = async (servername: string) => {
    const pair = { cert: readFileSync(client.cert), key: readFileSync(client.key) }
    const socket = connect({
      port: tlsPort,
      host: '127.0.0.1',
      servername,
      rejectUnauthorized: false,
      ...pair,
    })
    cleanups.push(() => socket.destroy())
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    return socket.getPeerCertificate().subjectaltname
  }
  expect(await named('own.test')).toBe('DNS:own.test')
  expect(await named('listed.test')).toBe('DNS:listed.test')
  expect(await named('unknown.test')).toBe('DNS:own.test')
  expect(await named('example.test')).toContain('DNS:example.test')
  // The one that was obtained stays when a file of the others changes.
  const renewed = authority.issue('listed.test', 'renewed.test')
  writeFileSync(listed.key, readFileSync(renewed.key))
  writeFileSync(listed.cert, readFileSync(renewed.cert))
  await expect.poll(() => named('renewed.test'), { timeout: 10_000 }).toContain('renewed.test')
  expect(await named('example.test')).toContain('DNS:example.test')
  expect(() => server.setTls(tls)).toThrow(/setTls\(\): acme begins when the server starts/)
  server.setTls(own)
  expect(stats(server)).toMatchObject({ state: 'replaced', next: null, obtained: 1 })
  const { certificate } = await shake(tlsPort, 'example.test')
  expect(certificate.subjectaltname).toBe('DNS:own.test')
})

test('clients are served as ever while an authority is awaited', async () => {
  // What the authority meets where it looks for a proof: somebody who takes his time.
  const held: Socket[] = []
  const slow = createServer((socket) => held.push(socket)).listen(0, '127.0.0.1')
  cleanups.push(() => {
    for (const socket of held) socket.destroy()
    slow.close()
  })
  await once(slow, 'listening')
  const { port: lookedAt } = slow.address() as { port: number }
  const ca = await pebble({ tlsPort: lookedAt })
  const own = authority.issue('own.test')
  const tls = { ...own, acme: acme(ca.directory) }
  const server = await run([
    { port: 0, tls },
    { port: 0, tls: own, proxy: ['127.0.0.0/8'] },
  ])
  await expect.poll(() => held.length, { timeout: 10_000 }).toBeGreaterThan(0)
  expect(stats(server)).toMatchObject({ state: 'missing', ordering: true })
  const [port, proxied] = server.addresses.map((address) => Number(address.split(':')[1]))
  for (const name of ['own.test', 'example.test']) {
    const { certificate } = await shake(port ?? 0, name)
    expect(certificate.subjectaltname).toBe('DNS:own.test')
  }
  await using plain = await RawClient.to(port ?? 0)
  expect((await plain.get('/')).status).toBe(400)
  // A proof is for the names that are proven, on any listener, behind the header of a proxy as well.
  const ALPNProtocols = ['acme-tls/1']
  const proof = async (servername: string) => {
    const socket = connectTcp(proxied ?? 0, '127.0.0.1')
    cleanups.push(() => socket.destroy())
    socket.write('PROXY TCP4 203.0.113.1 198.51.100.1 4711 443\r\n')
    const secure = connect({ socket, servername, ALPNProtocols, rejectUnauthorized: false })
    await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject))
    const { subjectaltname, raw } = secure.getPeerCertificate()
    expect(secure.alpnProtocol).toBe('acme-tls/1')
    // Nothing follows.
    await once(secure.resume(), 'end')
    return { subjectaltname, raw: raw.toString('hex') }
  }
  const { subjectaltname, raw } = await proof('example.test')
  expect(subjectaltname).toBe('DNS:example.test')
  // id-pe-acmeIdentifier, critical, with 32 bytes (RFC 8737 section 3).
  expect(raw).toContain('06082b0601050507011f0101ff04220420')
  await expect(proof('own.test')).rejects.toThrow(/no application protocol/i)
})

test('two servers with one storage order once', async () => {
  const [tlsPort, other] = [await freePort(), await freePort()]
  const ca = await pebble({ tlsPort })
  const tls = { acme: acme(ca.directory) }
  const [first, second] = await Promise.all([
    run([{ port: tlsPort, tls }]),
    run([
      { port: other, tls },
      { port: await freePort(), tls },
    ]),
  ])
  await reaches(first, { state: 'valid' })
  await expect
    .poll(() => second.stats().tls.acme.map(({ state }) => state), { timeout: 20_000 })
    .toEqual(['valid', 'valid'])
  const serials = [await shake(tlsPort, 'example.test'), await shake(other, 'example.test')]
  expect(new Set(serials.map(({ certificate }) => certificate.serialNumber)).size).toBe(1)
  expect(ca.output.match(/Issued certificate/g)).toHaveLength(1)
})

test('what cannot be used is an error at the start', async () => {
  const file = join(storage, 'file')
  writeFileSync(file, '')
  const directory = 'https://localhost:1/dir'
  for (const [wrong, message] of [
    [{ storage: join(file, 'acme') }, `listen.tls.acme.storage: '${join(file, 'acme')}' cannot be used: `],
    [{ ca: join(storage, 'no.pem') }, `listen.tls.acme.ca: '${join(storage, 'no.pem')}' cannot be read: `],
    [{ ca: file }, 'holds no certificate in PEM'],
  ] as const) {
    await expect(run([{ port: 0, tls: { acme: acme(directory, wrong) } }])).rejects.toMatchObject({
      code: 'ARMATURE_TLS',
      message: expect.stringContaining(message),
    })
  }
})

test('closing does not wait for an authority that is silent', async () => {
  // It takes connections, and never answers.
  const sockets: Socket[] = []
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  await once(silent, 'listening')
  const { port } = silent.address() as { port: number }
  const server = await run([{ port: 0, tls: { acme: acme(`https://localhost:${port}/dir`) } }])
  await expect.poll(() => sockets.length).toBe(1)
  expect(stats(server)).toMatchObject({ state: 'missing', ordering: true, failed: 0 })
  const started = Date.now()
  await server.close()
  expect(Date.now() - started).toBeLessThan(2000)
})

test('an order takes no longer than it may', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  await once(silent, 'listening')
  const { port } = silent.address() as { port: number }
  const options = acme(`https://localhost:${port}/dir`, { timeout: '1s', retry: '24h', retryMax: '24h' })
  const server = await run([{ port: 0, tls: { acme: options } }])
  await expect.poll(() => stats(server).failed, { timeout: 5000 }).toBe(1)
  expect(stats(server).next).toBeGreaterThan(Date.now() + 86_000_000)
  // Counted by the loop; the warning crosses to JavaScript behind it.
  await expect.poll(() => warnings.at(-1), { timeout: 5000 }).toContain('tried again in 86400 s')
})
