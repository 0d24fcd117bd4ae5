import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { RawClient, until } from './helper.js'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

interface Run {
  child: ChildProcess
  output: () => string
  port: () => Promise<number>
  exit: Promise<number | null>
}

function run(mode: string, env: Record<string, string> = {}): Run {
  const child = spawn(process.execPath, [join(__dirname, 'fixtures/process.cjs'), mode], {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let output = ''
  child.stdout?.on('data', (data) => (output += data))
  child.stderr?.on('data', (data) => (output += data))
  const exit = once(child, 'close').then(([code]) => code as number | null)
  return {
    child,
    exit,
    output: () => output,
    port: async () => {
      await until(() => /port (\d+)/.test(output), 'the port')
      return Number(/port (\d+)/.exec(output)?.[1])
    },
  }
}

test('the process ends by itself when the last server closes, and runs its hooks', async () => {
  const server = run('close')
  expect(await server.exit).toBe(0)
  expect(
    server
      .output()
      .split('\n')
      .filter((line) => !line.startsWith('port')),
  ).toEqual(['start', 'stop', 'closed', ''])
})

test('an unreferenced server keeps nobody alive', async () => {
  expect(await run('unref').exit).toBe(0)
})

test.each([
  ['inject', ['start', 'ok']],
  ['inject-ticks', ['start', 'abc']],
  ['inject-cancel', ['start', 'told']],
  ['inject-abort', ['start', 'enough', 'enough', 'told']],
  ['inject-unread', ['start', '200']],
  ['inject-unread-close', ['start', '200', 'stop', 'closed']],
])('a process that does no more than %s ends by itself', async (mode, lines) => {
  const server = run(mode)
  expect(await server.exit).toBe(0)
  expect(server.output().trim().split('\n')).toEqual(lines)
})

test.each(['SIGTERM', 'SIGINT'] as const)('%s drains and ends with 0', async (signal) => {
  const server = run('run')
  const port = await server.port()
  await using idle = await RawClient.to(port)
  await idle.get('/')
  await using busy = await RawClient.to(port)
  busy.send('GET /slow HTTP/1.1\r\nhost: t\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 100))
  server.child.kill(signal)
  expect(await idle.closed()).toBe('end')
  const reply = await busy.read()
  expect([reply.body, reply.headers.connection]).toEqual(['slow', 'close'])
  expect(await server.exit).toBe(0)
  expect(server.output()).toContain('stop')
})

test('what does not finish is aborted and cut off, and the process ends with 1', async () => {
  const server = run('run', { SHUTDOWN: '200ms' })
  await using client = await RawClient.to(await server.port())
  client.send('GET /stream HTTP/1.1\r\nhost: t\r\n\r\n')
  client.socket.pause()
  await new Promise((resolve) => setTimeout(resolve, 100))
  server.child.kill('SIGTERM')
  expect(await server.exit).toBe(1)
  expect(server.output()).toContain('stop')
})

test('a second signal ends at once', async () => {
  const server = run('run', { SHUTDOWN: '60s' })
  await using client = await RawClient.to(await server.port())
  client.send('GET /never HTTP/1.1\r\nhost: t\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 100))
  server.child.kill('SIGTERM')
  await new Promise((resolve) => setTimeout(resolve, 100))
  server.child.kill('SIGTERM')
  expect(await server.exit).toBe(143)
})

test('whoever listens for the signal too decides when the process ends', async () => {
  const server = run('own-signal')
  await server.port()
  server.child.kill('SIGTERM')
  expect(await server.exit).toBe(42)
})

test.each([
  ['/exit', 7],
  ['/exit-later', 8],
  ['/throw-later', 1],
])('%s neither hangs nor crashes', async (path, code) => {
  const server = run('run')
  const port = await server.port()
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.to(port)))
  for (const client of clients) client.send('GET /stream HTTP/1.1\r\nhost: t\r\n\r\n')
  await using client = await RawClient.to(port)
  client.send(`GET ${path} HTTP/1.1\r\nhost: t\r\n\r\n`)
  expect(await server.exit).toBe(code)
  for (const other of clients) other.socket.destroy()
})
