// The PROXY protocol as those speak it who are used for it: haproxy, in both versions and with TLS, and curl.
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { Agent as HttpsAgent, get as httpsGet } from 'node:https'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { json } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { App, type AppOptions, type ListenOption, type Server } from '@armature/core'
import { afterEach, expect, test } from 'vitest'
import { Authority } from './certificates.js'
import { needsTool, RawClient, until } from './helper.js'

const exec = promisify(execFile)

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const LOOPBACK = ['127.0.0.0/8']

async function run(listen: ListenOption, options: AppOptions = {}): Promise<Server> {
  const app = App.new(options)
    .get('/', (req) => ({
      ip: req.ip,
      port: req.remotePort,
      peer: req.remoteAddress,
      protocol: req.protocol,
      secure: req.secure,
      url: req.url,
    }))
    .post('/', async (req) => (await req.bytes()).length)
  const server = await app.run({ listen, signals: false })
  cleanups.push(() => server.close({ timeout: 0 }))
  return server
}

/** A haproxy that passes what it accepts on to `port`, and where it accepts. */
async function haproxy(port: number, sends: string, bind = ''): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'armature-haproxy-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  if (bind !== '') {
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
    ])
    expect(made.status).toBe(0)
    const pem = ['cert.pem', 'key.pem'].map((name) => readFileSync(join(folder, name), 'utf8')).join('')
    writeFileSync(join(folder, 'both.pem'), pem)
  }
  // It takes a socket that listens already, so no port has to be guessed.
  const socket = createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const address = socket.address() as { port: number }
  const config = join(folder, 'haproxy.cfg')
  const lines = [
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 10s',
    '  timeout server 10s',
    'frontend in',
    `  bind fd@3 ${bind.replace('PEM', join(folder, 'both.pem'))}`,
    '  default_backend app',
    'backend app',
    `  server app 127.0.0.1:${port} ${sends} check inter 50ms`,
  ]
  writeFileSync(config, lines.map((each) => `${each}\n`).join(''))
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  const child = spawn('haproxy', ['-db', '-f', config], { stdio: ['ignore', 'pipe', 'pipe', fd] })
  const ended = once(child, 'close')
  cleanups.push(() => {
    child.kill('SIGKILL')
    return ended
  })
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (output += data))
  await once(child, 'spawn')
  // From here on only haproxy accepts.
  await new Promise((resolve) => socket.close(resolve))
  child.once('exit', (code) => {
    if (code !== null) console.error(output)
  })
  return address.port
}

test.for(['send-proxy', 'send-proxy-v2'])('haproxy with %s', async (sends, context) => {
  needsTool(context, 'haproxy', '-v')
  const server = await run({ port: 0, proxy: LOOPBACK }, { trustProxy: ['192.0.2.0/24'] })
  const port = await haproxy(server.port, sends)
  for (let i = 0; i < 5; i++) {
    await using client = await RawClient.to(port)
    for (let j = 0; j < 3; j++) {
      const reply = await client.get('/', 'x-forwarded-for: 198.51.100.9\r\n')
      // The client of haproxy, not haproxy. That one is trusted to name it, and with no field of a request.
      expect(JSON.parse(reply.body)).toEqual({
        ip: '127.0.0.1',
        port: client.socket.localPort,
        peer: '127.0.0.1',
        protocol: 'HTTP/1.1',
        secure: false,
        url: 'http://test/',
      })
    }
  }
  // A body that is in pieces behind the header.
  const body = Buffer.alloc(300_000, 'x')
  const posted = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
  expect(await posted.json()).toBe(body.length)
  // Health checks are connections too, and nothing is wrong with them.
  const { accepted } = server.stats()
  await until(() => server.stats().accepted > accepted + 3, 'health checks')
  expect(server.stats()).toMatchObject({ refusedBy: { proxy: 0 }, malformed: 0 })
})

test('TLS that haproxy ends makes a request secure', async (context) => {
  needsTool(context, 'haproxy', '-v')
  needsTool(context, 'openssl', 'version')
  const server = await run({ port: 0, proxy: LOOPBACK })
  const port = await haproxy(server.port, 'send-proxy-v2-ssl-cn', 'ssl crt PEM')
  const agent = new HttpsAgent({ rejectUnauthorized: false })
  cleanups.push(() => agent.destroy())
  const answer = await new Promise<string>((resolve, reject) => {
    httpsGet({ host: '127.0.0.1', port, agent, headers: { host: 'test' } }, (response) => {
      let body = ''
      response.on('data', (data) => (body += data))
      response.on('end', () => resolve(body))
    }).on('error', reject)
  })
  expect(JSON.parse(answer)).toMatchObject({ ip: '127.0.0.1', secure: true, url: 'https://test/' })
})

test('curl, and who is behind it', async (context) => {
  needsTool(context, 'curl', '--version')
  const server = await run({ port: 0, proxy: LOOPBACK })
  const curl = async (...args: string[]) => {
    const { stdout } = await exec('curl', ['--silent', '--show-error', '--noproxy', '*', ...args, server.url])
    return JSON.parse(stdout)
  }
  const said = await curl('--haproxy-protocol')
  expect(said).toMatchObject({ ip: '127.0.0.1', peer: '127.0.0.1', secure: false })
  expect(said.port).toBeGreaterThan(0)
  // Without the header it is nobody's client.
  await expect(curl()).rejects.toThrow(/Empty reply|reset/i)
  await until(() => server.stats().refusedBy.proxy === 1, 'the count')
  expect(server.stats()).toMatchObject({ requests: 1, malformed: 0 })
})

const FROM = '203.0.113.1'

// A client of HTTP/2 whose connection begins with the header of a proxy.
async function asksHttp2(server: Server, url: string, before: (socket: Socket) => Duplex | Promise<Duplex>) {
  const socket = connect(server.port, '127.0.0.1')
  cleanups.push(() => socket.destroy())
  socket.write(line(FROM))
  const connection = await before(socket)
  const session = connectHttp2(url, { createConnection: () => connection })
  cleanups.push(() => session.destroy())
  // Each request of the connection is of that client.
  const ask = () => json(session.request({ ':path': '/', 'x-forwarded-for': '198.51.100.9' }))
  return Promise.all([ask(), ask()])
}

test('HTTP/2 behind the header, in the clear', async () => {
  const server = await run({ port: 0, proxy: LOOPBACK })
  const answers = await asksHttp2(server, server.url, (socket) => socket)
  const expected = {
    ip: FROM,
    peer: FROM,
    port: 4711,
    protocol: 'HTTP/2',
    secure: false,
    url: `${server.url}/`,
  }
  expect(answers).toEqual([expected, expected])
})

test('HTTP/2 behind the header, encrypted by the client', async (context) => {
  needsTool(context, 'openssl', 'version')
  using authority = new Authority()
  const server = await run({ port: 0, proxy: LOOPBACK, tls: authority.issue('127.0.0.1') })
  const ca = readFileSync(authority.ca)
  const answers = await asksHttp2(server, server.url, async (socket) => {
    const secure = connectTls({ socket, ca, host: '127.0.0.1', ALPNProtocols: ['h2'] })
    await once(secure, 'secureConnect')
    expect(secure.alpnProtocol).toBe('h2')
    return secure
  })
  const expected = {
    ip: FROM,
    peer: FROM,
    port: 4711,
    protocol: 'HTTP/2',
    secure: true,
    url: `${server.url}/`,
  }
  expect(answers).toEqual([expected, expected])
})

const line = (from: string) => `PROXY TCP4 ${from} 198.51.100.1 4711 443\r\n`

async function asks(server: Server, header: string, fields = ''): Promise<Record<string, unknown>> {
  await using client = await RawClient.to(server.port)
  client.send(header)
  return JSON.parse((await client.get('/', fields)).body)
}

test('trustProxy looks at the client that is named, not at who names it', async () => {
  const server = await run({ port: 0, proxy: LOOPBACK }, { trustProxy: ['10.0.0.0/8'] })
  const forwarded = 'x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\n'
  // The proxy in front of the proxy.
  expect(await asks(server, line('10.0.0.1'), forwarded)).toMatchObject({
    ip: '192.0.2.7',
    peer: '10.0.0.1',
    port: 4711,
    secure: true,
  })
  // A client that says it of itself.
  expect(await asks(server, line('203.0.113.1'), forwarded)).toMatchObject({
    ip: '203.0.113.1',
    peer: '203.0.113.1',
    secure: false,
  })
})

test('proxy: true believes those of trustProxy, and needs some', async () => {
  const server = await run({ port: 0, proxy: true }, { trustProxy: LOOPBACK })
  expect(await asks(server, line('203.0.113.1'))).toMatchObject({ ip: '203.0.113.1' })
  await expect(run({ port: 0, proxy: true })).rejects.toMatchObject({
    code: 'ARMATURE_OPTION_INVALID',
    message: expect.stringContaining(
      'listen.proxy: true trusts the proxies of trustProxy, and there are none',
    ),
  })
})

test('each listener has its own: beside one with proxy another without', async () => {
  const server = await run([{ port: 0, proxy: LOOPBACK }, '127.0.0.1:0'])
  const plain = Number(server.addresses[1]?.split(':')[1])
  expect(await asks(server, line('203.0.113.1'))).toMatchObject({ ip: '203.0.113.1' })
  await using client = await RawClient.to(plain)
  expect(JSON.parse((await client.get('/')).body)).toMatchObject({ ip: '127.0.0.1' })
  // There the header is no request.
  await using other = await RawClient.to(plain)
  other.send(line('203.0.113.1'))
  expect((await other.read()).status).toBe(400)
})

test('connections are counted by who they are for', async () => {
  const server = await run({ port: 0, proxy: LOOPBACK }, { limits: { connectionsPerIp: 1 } })
  await using first = await RawClient.to(server.port)
  first.send(line('203.0.113.1'))
  expect((await first.get('/')).status).toBe(200)
  await using second = await RawClient.to(server.port)
  second.send(line('203.0.113.1'))
  expect((await second.get('/')).status).toBe(503)
  expect(await asks(server, line('203.0.113.2'))).toMatchObject({ ip: '203.0.113.2' })
  expect(server.stats().refusedBy).toEqual({ connections: 0, connectionsPerIp: 1, proxy: 0 })
})

test('strangers, and what is no header, are closed without a word and counted', async () => {
  const server = await run(
    [
      { port: 0, proxy: ['192.0.2.1'] },
      { port: 0, proxy: LOOPBACK },
    ],
    {
      timeouts: { header: '100ms' },
    },
  )
  const [strangers, proxies] = server.addresses.map((address) => Number(address.split(':')[1]))
  for (const [port, bytes] of [
    [strangers, line('203.0.113.1')],
    [proxies, 'GET / HTTP/1.1\r\nhost: t\r\n\r\n'],
    [proxies, 'PROXY TCP4 203.0.113.1\r\n'],
    [proxies, 'PROXY TCP4 203'],
    [proxies, ''],
  ] as const) {
    await using client = await RawClient.to(port ?? 0)
    client.send(bytes)
    await expect(client.read()).rejects.toThrow(/ended after 0 bytes|ECONNRESET|EPIPE/)
  }
  await until(() => server.stats().refusedBy.proxy === 5, 'the count')
  expect(server.stats()).toMatchObject({ refused: 5, requests: 0, malformed: 0 })
})

test('Logger writes the client that the proxy names, and behind trusted ones the one that they name', async () => {
  const script = join(__dirname, 'fixtures/proxied-log.cjs')
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanups.push(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (data) => (output += data))
  await until(() => /^port \d+$/m.test(output), 'the child')
  const port = Number(/^port (\d+)$/m.exec(output)?.[1])
  for (const from of ['203.0.113.1', '10.0.0.1']) {
    await using client = await RawClient.to(port)
    client.send(line(from))
    expect((await client.get(`/${from}`, 'x-forwarded-for: 192.0.2.7\r\n')).status).toBe(404)
  }
  await until(() => output.includes('/10.0.0.1'), 'the lines')
  const lines = output.split('\n').filter((each) => each.startsWith('{'))
  expect(lines.map((each) => JSON.parse(each)).map(({ url, ip }) => [url, ip])).toEqual([
    ['/203.0.113.1', '203.0.113.1'],
    ['/10.0.0.1', '192.0.2.7'],
  ])
})
