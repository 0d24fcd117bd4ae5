// HTTPS: certificates in every form, by name, and of clients; clients and judges that others have written.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync } from 'node:fs'
import { Agent, type RequestOptions, request } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { App, ArmatureError, type ListenOption, type Server, type TlsOptions } from '@armature/core'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { Authority, contents } from './certificates.js'
import { needsTool } from './helper.js'
import { needsPython } from './python.js'

const authority = new Authority()
const own = authority.issue('localhost', '127.0.0.1')
const ca = readFileSync(authority.ca)
afterAll(() => authority[Symbol.dispose]())

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const app = () =>
  App.new()
    .get('/', (req) => {
      const { tls, scheme, secure, url, protocol } = req
      const subject = tls?.peerCertificate?.subject
      return {
        tls: tls === null ? null : { ...tls, peerCertificate: subject },
        scheme,
        secure,
        url,
        protocol,
      }
    })
    .post('/echo', async (req) => await req.text())

async function run(listen: ListenOption): Promise<Server> {
  const server = await app().run({ listen, signals: false })
  cleanups.push(() => server.close({ timeout: 0 }))
  return server
}

const https = (tls: TlsOptions) => run({ port: 0, host: '127.0.0.1', tls })

interface Answer {
  status: number
  body: string
  certificate: string
  reused: boolean
}

function ask(server: Server, options: RequestOptions = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(server.url, { ca, agent: false, ...options }, (res) => {
      const socket = res.socket as TLSSocket
      const { subject } = socket.getPeerCertificate()
      const certificate = String(subject?.CN)
      let text = ''
      res.setEncoding('utf8')
      res.on('data', (chunk: string) => {
        text += chunk
      })
      res.on('error', reject)
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, body: text, certificate, reused: socket.isSessionReused() }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

test('a certificate is the path of a file, its text or its bytes', async () => {
  const { cert, key } = contents(own)
  const forms: TlsOptions[] = [
    own,
    { cert, key },
    { cert: cert.toString(), key: new Uint8Array(key) },
    { certificates: [{ cert: own.cert, key }] },
  ]
  for (const tls of forms) {
    const server = await https(tls)
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`)
    const { status, body } = await ask(server, {
      headers: { host: 'localhost' },
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
    })
    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual({
      tls: {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_256_GCM_SHA384',
        serverName: 'localhost',
        alpn: 'http/1.1',
      },
      scheme: 'https',
      secure: true,
      url: 'https://localhost/',
      protocol: 'HTTP/1.1',
    })
    expect(server.stats().tls).toEqual({ handshakes: 1, resumed: 0, failed: 0, retries: 0, acme: [] })
  }
})

test('TLS 1.2, keep-alive, bodies of every size, resumption', async () => {
  const server = await https(own)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const agent = new Agent({ ca, keepAlive: true, maxVersion, maxSockets: 1 })
    cleanups.push(() => agent.destroy())
    const first = JSON.parse((await ask(server, { agent })).body)
    expect(first.tls.version).toBe(maxVersion)
    for (const size of [0, 1, 16_383, 16_384, 16_385, 200_000, 900_000]) {
      const text = 'x'.repeat(size)
      const { body } = await ask(server, { agent, path: '/echo', method: 'POST' }, text)
      expect(body === text).toBe(true)
    }
    agent.destroy()
    expect((await ask(server, { agent })).reused).toBe(true)
  }
  const { handshakes, resumed, failed } = server.stats().tls
  expect([handshakes, resumed, failed]).toEqual([4, 2, 0])
})

test('the name that a client asks for chooses the certificate', async () => {
  const [a, b] = [authority.issue('a.test', '*.a.test'), authority.issue('b.test')]
  const server = await https({ ...own, certificates: [a, b] })
  const checkServerIdentity = () => undefined
  for (const [servername, expected] of [
    ['a.test', 'a.test'],
    ['www.a.test', 'a.test'],
    ['b.test', 'b.test'],
    ['www.b.test', 'localhost'],
    ['', 'localhost'],
  ]) {
    const { certificate } = await ask(server, { servername, checkServerIdentity } as RequestOptions)
    expect(certificate, servername).toBe(expected)
  }
})

test('clients with certificates', async () => {
  const clients = new Authority('Client Root')
  cleanups.push(() => clients[Symbol.dispose]())
  const [known, unknown] = [contents(clients.issue('me')), contents(authority.issue('stranger'))]
  for (const clientAuth of ['request', 'require'] as const) {
    const server = await https({ ...own, clientAuth, ca: clients.ca })
    const { tls } = JSON.parse((await ask(server, known)).body)
    expect(tls.peerCertificate).toBe('CN=me')
    await expect(ask(server, unknown)).rejects.toThrow()
    const anonymous = ask(server)
    if (clientAuth === 'require') await expect(anonymous).rejects.toThrow()
    else expect(JSON.parse((await anonymous).body).tls.peerCertificate).toBeUndefined()
  }
})

test('what cannot be used is named when the server starts', async () => {
  const missing = join(authority.folder, 'missing.crt')
  const other = authority.issue('other.test')
  const cases: [TlsOptions, string][] = [
    [
      { ...own, cert: missing },
      `listen.tls.cert: '${missing}' cannot be read: No such file or directory (os error 2)`,
    ],
    [
      { ...own, key: other.key },
      `listen.tls.key: '${other.key}' is not the key of the first certificate in '${own.cert}'`,
    ],
    [
      { ...own, key: Buffer.from('x') },
      'listen.tls.key: the text holds no private key in PEM (-----BEGIN PRIVATE KEY-----)',
    ],
  ]
  for (const [tls, message] of cases) {
    const error = await https(tls).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(ArmatureError)
    expect(error).toMatchObject({ code: 'ARMATURE_TLS', message })
  }
  await expect(https({ cert: own.cert })).rejects.toMatchObject({
    name: 'TypeError',
    code: 'ARMATURE_OPTION_INVALID',
    message: 'listen.tls: has a cert and no key; add its private key',
  })
})

test('an injected request has no TLS, whatever its URL says', async () => {
  const response = await app().inject('https://example.com/')
  expect(await response.json()).toMatchObject({ tls: null, scheme: 'https', url: 'https://example.com/' })
})

test('HTTP is answered where HTTPS is spoken, and sent there from where it is', async () => {
  const server = await run([
    { port: 0, host: '127.0.0.1', tls: own },
    { port: 0, host: '127.0.0.1', redirectHttps: true },
  ])
  const refused = await fetch(`http://127.0.0.1:${server.port}/`)
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({
    code: 'ARMATURE_BAD_REQUEST',
    detail: 'This port speaks HTTPS; use https:// instead of http://.',
  })
  const redirected = await fetch(`http://${server.addresses[1]}/a?b`, { redirect: 'manual' })
  expect(redirected.status).toBe(308)
  expect(redirected.headers.get('location')).toBe(`${server.url}/a?b`)
})

const exec = promisify(execFile)

test('curl and openssl', async () => {
  const server = await https(own)
  const curl = async (...args: string[]) =>
    JSON.parse((await exec('curl', ['-sS', '--cacert', authority.ca, ...args, server.url])).stdout).tls
  expect((await curl()).version).toBe('TLSv1.3')
  expect((await curl('--tls-max', '1.2')).version).toBe('TLSv1.2')
  expect((await curl('--no-alpn')).alpn).toBeUndefined()
  await expect(curl('--tls-max', '1.1', '--ciphers', 'DEFAULT@SECLEVEL=0')).rejects.toThrow()
  const sClient = (...args: string[]) =>
    exec('openssl', ['s_client', '-connect', `127.0.0.1:${server.port}`, '-CAfile', authority.ca, ...args])
  const opened = sClient('-verify_return_error', '-brief')
  opened.child.stdin?.end('GET / HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n')
  const { stderr } = await opened
  expect(stderr).toContain('Verification: OK')
})

test('setTls() exchanges certificates, and files that change are read anew', async () => {
  const [first, second, third] = [
    authority.issue('first'),
    authority.issue('second'),
    authority.issue('third'),
  ]
  const files = { cert: join(authority.folder, 'live.crt'), key: join(authority.folder, 'live.key') }
  const install = ({ cert, key }: { cert: string; key: string }) => {
    copyFileSync(cert, files.cert)
    copyFileSync(key, files.key)
  }
  install(first)
  const server = await https(files)
  const checkServerIdentity = () => undefined
  const shown = async () => (await ask(server, { checkServerIdentity })).certificate
  expect(await shown()).toBe('first')
  server.setTls(second)
  expect(await shown()).toBe('second')
  expect(() => server.setTls({ ...second, key: third.key })).toThrow(
    expect.objectContaining({ name: 'ArmatureError', code: 'ARMATURE_TLS' }),
  )
  expect(() => server.setTls(second, '1.2.3.4:5')).toThrow(TypeError)
  expect(() => server.setTls({ cert: second.cert })).toThrow(
    'setTls(): has a cert and no key; add its private key',
  )
  expect(await shown()).toBe('second')

  server.setTls(files, server.address)
  expect(await shown()).toBe('first')
  const warned = once(process, 'warning')
  copyFileSync(third.cert, files.cert)
  const [warning] = await warned
  expect(warning).toMatchObject({ name: 'ArmatureWarning', code: 'ARMATURE_TLS' })
  expect(warning.message).toMatch(/^setTls\(\)\.key: .* the certificate of before stays in use$/)
  expect(await shown()).toBe('first')
  install(third)
  await vi.waitUntil(async () => (await shown()) === 'third', { timeout: 10_000, interval: 20 })
  const { failed } = server.stats().tls
  expect(failed).toBe(0)
})

test('sslscan finds no weak protocol, cipher or renegotiation', async (context) => {
  needsTool(context, 'sslscan', '--version')
  const server = await https(own)
  const { stdout } = await exec('sslscan', ['--no-colour', `127.0.0.1:${server.port}`])
  const lines = stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '))
  const protocols = lines.filter((line) => /^(SSL|TLS)v\S+ (en|dis)abled$/.test(line))
  expect(protocols).toEqual([
    'SSLv2 disabled',
    'SSLv3 disabled',
    'TLSv1.0 disabled',
    'TLSv1.1 disabled',
    'TLSv1.2 enabled',
    'TLSv1.3 enabled',
  ])
  expect(lines).toContain('Session renegotiation not supported')
  const ciphers = lines.map((line) => /^(?:Preferred|Accepted) \S+ \d+ bits (\S+)/.exec(line)?.[1])
  expect(new Set(ciphers.filter((name) => name !== undefined))).toEqual(
    new Set([
      'TLS_AES_128_GCM_SHA256',
      'TLS_AES_256_GCM_SHA384',
      'TLS_CHACHA20_POLY1305_SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'ECDHE-ECDSA-AES128-GCM-SHA256',
    ]),
  )
}, 30_000)

/** What sslyze says of each thing that it has looked at. */
type Findings = Record<string, { status: string; result: Record<string, unknown> }>

test('sslyze finds none of the known weaknesses', async (context) => {
  const python = needsPython(context, 'sslyze==6.3.1', { fromSource: 'sslyze' })
  const server = await https(own)
  const versions = ['sslv2', 'sslv3', 'tlsv1', 'tlsv1_1', 'tlsv1_2', 'tlsv1_3']
  const others = ['reneg', 'compression', 'early_data', 'heartbleed', 'openssl_ccs', 'robot']
  const looks = [...versions, ...others].map((name) => `--${name}`)
  const { stdout } = await exec(
    'python3',
    ['-m', 'sslyze', '--json_out=-', '--mozilla_config=disable', ...looks, `127.0.0.1:${server.port}`],
    { env: { ...process.env, ...python }, maxBuffer: 16 << 20 },
  )
  const found: Findings = JSON.parse(stdout).server_scan_results[0].scan_result
  const of = (name: string) => {
    expect(found[name], name).toMatchObject({ status: 'COMPLETED' })
    return found[name]?.result ?? {}
  }
  const ciphers = (version: string) => {
    const accepted = of(`${version}_cipher_suites`).accepted_cipher_suites as {
      cipher_suite: { name: string }
    }[]
    return accepted.map((accepted) => accepted.cipher_suite.name).sort()
  }
  for (const version of ['ssl_2_0', 'ssl_3_0', 'tls_1_0', 'tls_1_1']) expect(ciphers(version)).toEqual([])
  expect(ciphers('tls_1_2')).toEqual([
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  ])
  expect(ciphers('tls_1_3')).toEqual([
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
  ])
  expect(of('session_renegotiation').is_vulnerable_to_client_renegotiation_dos).toBe(false)
  expect(of('tls_compression').supports_compression).toBe(false)
  expect(of('tls_1_3_early_data').supports_early_data).toBe(false)
  expect(of('heartbleed').is_vulnerable_to_heartbleed).toBe(false)
  expect(of('openssl_ccs_injection').is_vulnerable_to_ccs_injection).toBe(false)
  expect(of('robot').robot_result).toMatch(/^NOT_VULNERABLE/)
}, 60_000)
