// Every kind of listener, several at once: who is served where, and what the request says of it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server as NetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App, type ListenOption, type Server } from '@armature/core'
import { afterEach, expect, test } from 'vitest'
import { needsTool, RawClient, until } from './helper.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'armature-'))
  cleanups.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const whoami = () =>
  App.new({ limits: { connectionsPerIp: 50 } }).get('/', (req) => ({
    ip: req.ip,
    remoteAddress: req.remoteAddress,
    remotePort: req.remotePort,
    protocol: req.protocol,
    secure: req.secure,
    url: req.url,
  }))

async function run(listen: ListenOption): Promise<Server> {
  const server = await whoami().run({ listen, signals: false })
  cleanups.push(() => server.close({ timeout: 0 }))
  return server
}

const portOf = (address: string | undefined) => Number(address?.slice(address.lastIndexOf(':') + 1))

type Place = { host: string; port: number } | { path: string }

async function ask(place: Place, headers = ''): Promise<Record<string, unknown>> {
  await using client = await RawClient.at(place)
  const reply = await client.get('/', headers)
  expect(reply.status).toBe(200)
  const local = client.socket.localPort
  const { remotePort, ...said } = JSON.parse(reply.body)
  expect(remotePort).toBe(local ?? 0)
  return said
}

const hasIpv6 = await new Promise<boolean>((resolve) => {
  const probe = createServer()
  probe.once('error', () => resolve(false))
  probe.listen(0, '::1', () => probe.close(() => resolve(true)))
})

test('several at once: IPv4, IPv6, both, and a Unix socket', async () => {
  const path = join(folder(), 'app.sock')
  const all: ListenOption = [
    '127.0.0.1:0',
    `unix:${path}`,
    { port: 0, host: '::' },
    { port: 0, host: 'localhost' },
  ]
  const server = await run(hasIpv6 ? [...all, '[::1]:0'] : all)
  const [v4, unix, both, name, v6] = server.addresses
  expect(server.addresses).toHaveLength(hasIpv6 ? 5 : 4)
  expect([server.address, server.port]).toEqual([v4, portOf(v4)])
  expect(unix).toBe(`unix:${path}`)

  const common = { protocol: 'HTTP/1.1', secure: false, url: 'http://test/' }
  const from = (ip: string) => ({ ip, remoteAddress: ip, ...common })
  expect(await ask({ host: '127.0.0.1', port: portOf(v4) })).toEqual(from('127.0.0.1'))
  expect(await ask({ host: '127.0.0.1', port: portOf(both) })).toEqual(from('127.0.0.1'))
  expect(await ask({ path })).toEqual(from(''))
  expect((await fetch(`http://localhost:${portOf(name)}/`)).status).toBe(200)
  if (hasIpv6) {
    expect(await ask({ host: '::1', port: portOf(both) })).toEqual(from('::1'))
    expect(await ask({ host: '::1', port: portOf(v6) })).toEqual(from('::1'))
    await expect(RawClient.at({ host: '127.0.0.1', port: portOf(v6) })).rejects.toThrow('ECONNREFUSED')
  }
  await server.close()
  expect(existsSync(path)).toBe(false)
})

test('when one place is taken nothing listens, and nothing is left behind', async () => {
  const taken = await run('127.0.0.1:0')
  const path = join(folder(), 'app.sock')
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as { port: number }
  await new Promise((resolve) => free.close(resolve))
  await expect(run([`127.0.0.1:${port}`, `unix:${path}`, taken.address])).rejects.toMatchObject({
    code: 'ARMATURE_LISTEN',
    message: expect.stringContaining(`cannot listen on ${taken.address}: `),
  })
  expect(existsSync(path)).toBe(false)
  await expect(RawClient.to(port)).rejects.toThrow('ECONNREFUSED')
})

test.each([
  ['0600', 0o600],
  ['660', 0o660],
  [0o666, 0o666],
])('a Unix socket with mode %s', async (mode, expected) => {
  const path = join(folder(), 'app.sock')
  await run({ path, mode })
  expect(statSync(path).mode & 0o777).toBe(expected)
  expect(await ask({ path })).toMatchObject({ ip: '' })
})

test('a file that is no socket is left alone', async () => {
  const path = join(folder(), 'precious')
  writeFileSync(path, 'precious')
  await expect(run({ path })).rejects.toMatchObject({ code: 'ARMATURE_LISTEN' })
  expect(existsSync(path)).toBe(true)
})

test('a socket file that a process left behind when it was killed is replaced', async () => {
  const path = join(folder(), 'app.sock')
  const child = inherit({ path })
  await until(() => child.output().includes('listening'), 'the child')
  child.process.kill('SIGKILL')
  await once(child.process, 'exit')
  expect(existsSync(path)).toBe(true)
  await run({ path })
  expect(await ask({ path })).toMatchObject({ ip: '' })
})

/** A process that has `sockets` as its descriptors from 3 on, and listens on `listen`. */
function inherit(listen: ListenOption, sockets: number[] = [], env: Record<string, string> = {}) {
  const child: ChildProcess = spawn(
    process.execPath,
    [join(__dirname, 'fixtures/inherited.cjs'), JSON.stringify(listen)],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit', ...sockets] },
  )
  cleanups.push(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout?.on('data', (data) => (output += data))
  return { process: child, output: () => output }
}

/** A listening socket of this process, and its descriptor. */
async function listening(place: Place): Promise<{ fd: number; server: NetServer }> {
  const server = createServer()
  server.listen('path' in place ? place.path : { ...place })
  await once(server, 'listening')
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  return { fd, server }
}

test.runIf(process.platform === 'linux')('inherited sockets: TCP and Unix, in one process', async () => {
  const path = join(folder(), 'inherited.sock')
  const [tcp, unix] = await Promise.all([listening({ host: '127.0.0.1', port: 0 }), listening({ path })])
  const { port } = tcp.server.address() as { port: number }
  const child = inherit(['fd:3', { fd: 4 }], [tcp.fd, unix.fd], { LISTEN_FDS: '2' })
  await until(() => child.output().includes('listening'), 'the child')
  expect(child.output()).toContain(`listening 127.0.0.1:${port} unix:${path}\n`)
  // This process stops accepting. It would take the file away too, under the name that it knows.
  const moved = `${path}.moved`
  renameSync(path, moved)
  await Promise.all([tcp, unix].map(({ server }) => new Promise((resolve) => server.close(resolve))))
  for (const [place, ip] of [
    [{ host: '127.0.0.1', port }, '127.0.0.1'],
    [{ path: moved }, ''],
  ] as const) {
    await using client = await RawClient.at(place)
    expect(JSON.parse((await client.get('/')).body)).toEqual({ ip, pid: child.process.pid })
  }
  child.process.kill('SIGTERM')
  await once(child.process, 'exit')
  expect(existsSync(moved)).toBe(true)
})

test.runIf(process.platform === 'linux')(
  'systemd starts it with the first connection, which it serves',
  async (context) => {
    needsTool(context, 'systemd-socket-activate', '--version')
    const path = join(folder(), 'app.sock')
    const command = [process.execPath, join(__dirname, 'fixtures/inherited.cjs'), '{"fd":3}']
    const child = spawn('systemd-socket-activate', ['-l', path, ...command], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    cleanups.push(() => child.kill('SIGKILL'))
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    await until(() => existsSync(path), 'the socket')
    const client = await connected(path)
    // It becomes node: there is one process.
    expect(JSON.parse((await client.get('/')).body)).toEqual({ ip: '', pid: child.pid })
    expect(output).toContain(`listening unix:${path}\n`)
    client.socket.destroy()
  },
)

/** The file is there before anybody listens. */
async function connected(path: string): Promise<RawClient> {
  for (;;) {
    try {
      return await RawClient.at({ path })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
    }
  }
}

test.runIf(process.platform === 'linux').each([
  [{ fd: 0 }, {}, 'cannot listen on fd:0: it is not a socket'],
  [{ fd: 99 }, {}, 'cannot listen on fd:99: there is no such descriptor'],
  [{ fd: 4294967295 }, {}, 'cannot listen on fd:4294967295: there is no such descriptor'],
  [
    { fd: 99 },
    { LISTEN_FDS: '1' },
    'cannot listen on fd:99: there is no such descriptor; LISTEN_FDS says that those from 3 to 3 were passed',
  ],
  [{ fd: 99 }, { LISTEN_FDS: '1', LISTEN_PID: '1' }, 'let systemd start node itself, not npm or a shell'],
])('descriptors that are of no use: %j %j', async (listen, env, message) => {
  const child = inherit(listen, [], env as unknown as Record<string, string>)
  await once(child.process, 'exit')
  expect(child.output()).toContain('ARMATURE_LISTEN')
  expect(child.output()).toContain(message)
})

test('connections of one address beyond limits.connectionsPerIp are refused, and counted', async () => {
  const server = await whoami().run({
    listen: '127.0.0.1:0',
    signals: false,
    limits: { connectionsPerIp: 2 },
  })
  cleanups.push(() => server.close({ timeout: 0 }))
  const first = await RawClient.to(server.port)
  const second = await RawClient.to(server.port)
  expect([(await first.get('/')).status, (await second.get('/')).status]).toEqual([200, 200])
  const third = await RawClient.to(server.port)
  const refused = await third.read()
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'ARMATURE_OVERLOADED' })
  expect(await third.closed()).toBe('end')
  expect(server.stats()).toMatchObject({
    accepted: 3,
    refused: 1,
    refusedBy: { connections: 0, connectionsPerIp: 1, proxy: 0 },
  })
  first.socket.destroy()
  await until(() => server.stats().connections === 1, 'the room')
  await using fourth = await RawClient.to(server.port)
  expect((await fourth.get('/')).status).toBe(200)
  second.socket.destroy()
})
