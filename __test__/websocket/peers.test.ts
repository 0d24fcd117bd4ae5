// The same sockets for clients that others have written: `websockets` for Python, and a browser.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { App, HttpResponse, type RunOptions, type Server, type Socket } from '@armature/core'
import { afterAll, expect, type TestContext, test, vi } from 'vitest'
import { Authority } from '../certificates.js'
import { browseTo } from '../chromium.js'
import { needsPython } from '../python.js'

// What is not there yet is installed.
vi.setConfig({ testTimeout: 120_000 })

const authority = new Authority()
afterAll(() => authority[Symbol.dispose]())

const seen: string[] = []
const echo = {
  upgrade: (req: { protocol: string; method: string }) => void seen.push(`${req.protocol} ${req.method}`),
  message: (socket: { send(data: string | Buffer): boolean }, data: string | Buffer) => socket.send(data),
}
let server: Server
/** Every other message comes back by way of a topic that only its sender has. */
const mixed = {
  upgrade: (req: { protocol: string; method: string }) => {
    echo.upgrade(req)
    return { messages: 0 }
  },
  open: (socket: Socket<{ messages: number }>) => void socket.subscribe(socket.id),
  message: (socket: Socket<{ messages: number }>, data: string | Buffer) => {
    if (socket.data.messages++ % 2 === 0) socket.send(data)
    else server.publish(socket.id, data)
  },
}
const app = () =>
  App.new()
    .websocket('/plain', echo)
    .websocket('/deflate', { ...echo, deflate: true })
    .websocket('/context', { ...echo, deflate: { contextTakeover: true, threshold: 0 } })
    .websocket('/mixed', { ...mixed, deflate: { contextTakeover: true, threshold: 0 } })

async function python(context: TestContext, url: string, mode: string): Promise<Record<string, unknown>> {
  const env = { ...process.env, ...needsPython(context, 'websockets==16.1.1') }
  const script = join(import.meta.dirname, '../peers/websockets_client.py')
  const { stdout } = await promisify(execFile)('python3', [script, url, mode], { env })
  return JSON.parse(stdout) as Record<string, unknown>
}

test.for([
  ['/plain', 'none', ''],
  ['/plain', 'deflate', ''],
  ['/deflate', 'none', ''],
  ['/deflate', 'deflate', 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'],
  ['/context', 'deflate', 'permessage-deflate'],
  ['/mixed', 'deflate', 'permessage-deflate'],
] as const)('websockets for Python: %s, compression %s', async ([path, mode, extensions], context) => {
  server = await app().run('127.0.0.1:0')
  const url = `${server.url.replace('http', 'ws')}${path}`
  const result = await python(context, url, mode)
  await server.close()
  expect(result).toEqual({ extensions, same: 209, pong: true, code: 3000 })
})

/** Opens sockets, has messages come back, and tells what it found. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>WebSocket</title><script type="module">
async function talk(path) {
  const socket = new WebSocket(location.origin.replace('http', 'ws') + path)
  socket.binaryType = 'arraybuffer'
  const opened = new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error('cannot open ' + path))
  })
  await opened
  const texts = ['', 'hello', 'ü€😀'.repeat(1000), 'x'.repeat(200000)]
  const messages = [...texts, new Uint8Array(0), crypto.getRandomValues(new Uint8Array(60000)), new Uint8Array(300000)]
  for (let i = 0; i < 100; i++) messages.push(('message ' + i + ' ').repeat(i))
  let at = 0
  let same = 0
  const all = new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      const sent = messages[at++]
      if (typeof sent === 'string') same += data === sent
      else same += String(new Uint8Array(data)) === String(sent)
      if (at === messages.length) resolve()
    }
  })
  for (const message of messages) socket.send(message)
  await all
  const closed = new Promise((resolve) => (socket.onclose = resolve))
  socket.close(3000, 'bye')
  const { code, reason, wasClean } = await closed
  return { extensions: socket.extensions, same, code, reason, wasClean }
}
const found = {}
try {
  for (const path of ['/plain', '/deflate', '/context', '/mixed']) found[path] = await talk(path)
} catch (error) {
  found.error = String(error)
}
await fetch('/found', { method: 'POST', body: JSON.stringify(found) })
</script>`

/** What a browser finds at a server with these options, and how its sockets came. */
async function browse(context: TestContext, listen: RunOptions['listen']): Promise<Record<string, unknown>> {
  seen.length = 0
  let tell: (found: Record<string, unknown>) => void = () => {}
  const found = new Promise<Record<string, unknown>>((resolve) => {
    tell = resolve
  })
  const site = app()
    .get('/', () => HttpResponse.html(PAGE))
    .post('/found', async (req) => {
      tell(JSON.parse(await req.text()))
      return null
    })
  server = await site.run({ listen })
  context.onTestFinished(() => server.close())
  browseTo(context, server.url)
  return await found
}

const ended = { same: 107, code: 3000, reason: 'bye', wasClean: true }
const fine = {
  '/plain': { extensions: '', ...ended },
  '/deflate': {
    extensions: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    ...ended,
  },
  '/context': { extensions: 'permessage-deflate', ...ended },
  '/mixed': { extensions: 'permessage-deflate', ...ended },
}

test('Chromium over HTTP/1.1', async (context) => {
  expect(await browse(context, '127.0.0.1:0')).toEqual(fine)
  expect(seen).toEqual(Array(4).fill('HTTP/1.1 GET'))
})

test('Chromium over HTTP/2', async (context) => {
  const tls = authority.issue('localhost', '127.0.0.1')
  expect(await browse(context, { host: '127.0.0.1', port: 0, tls })).toEqual(fine)
  expect(seen).toEqual(Array(4).fill('HTTP/2 GET'))
})
