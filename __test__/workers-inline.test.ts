// Several JavaScript threads, each with a loop of its own.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { App, Server } from '@armature/core'
import { expect, test } from 'vitest'
import { RawClient, until } from './helper.js'
import { closedAfterEach } from './threads.js'

const fixtures = join(__dirname, 'fixtures/workers')
const entry = join(fixtures, 'serve.cjs')
const { createApp } = createRequire(__filename)(join(fixtures, 'app.cjs')) as { createApp: () => App }

const servers = closedAfterEach()

async function start(count: number, options = {}): Promise<Server> {
  const workers = { count, entry, stopTimeout: '1s' }
  const server = await createApp().run({
    listen: '127.0.0.1:0',
    io: 'inline',
    workers,
    signals: false,
    ...options,
  })
  servers.push(server)
  return server
}

const states = (server: Server) => server.stats().lanes.map(({ worker, state }) => `${worker} ${state}`)

async function who(client: RawClient): Promise<number> {
  return (JSON.parse((await client.get('/who')).body) as { thread: number }).thread
}

/** One connection to each thread of `count`. */
async function everyThread(server: Server, count: number): Promise<Map<number, RawClient>> {
  const found = new Map<number, RawClient>()
  const before = server.stats().connections
  while (found.size < count) {
    const client = await RawClient.to(server.port)
    const thread = await who(client)
    if (found.has(thread)) client.socket.destroy()
    else found.set(thread, client)
  }
  await until(() => server.stats().connections === before + count, 'the end of the others')
  return found
}

test('each thread accepts from the same socket, and answers what came by its connections', async () => {
  const server = await start(3)
  expect(states(server)).toEqual(['0 running', '1 running', '2 running'])
  const clients = await everyThread(server, 3)
  for (const [thread, client] of clients) {
    expect([await who(client), await who(client)]).toEqual([thread, thread])
    const text = 'x'.repeat(300_000)
    client.send(`POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: ${text.length}\r\n\r\n${text}`)
    expect(JSON.parse((await client.read()).body)).toEqual({ thread, text })
    expect((await client.get('/stream/50')).body).toContain('49')
  }
  expect(server.stats()).toMatchObject({ connections: 3, inFlight: 0 })
  for (const client of clients.values()) client.socket.destroy()
  await until(() => server.stats().connections === 0, 'the end of the connections')
})

test('limits are those of the server, not of a thread', async () => {
  const app = createApp()
  const server = await app.run({
    listen: '127.0.0.1:0',
    io: 'inline',
    workers: { count: 2, entry },
    signals: false,
    limits: { connections: 4 },
  })
  servers.push(server)
  const clients = await everyThread(server, 2)
  const more = await Promise.all([1, 2, 3].map(() => RawClient.to(server.port)))
  const answers = await Promise.all(more.map((client) => client.get('/who')))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 503])
  for (const client of [...clients.values(), ...more]) client.socket.destroy()
})

test('a thread that ends takes its own connections with it, and another one follows', async () => {
  const server = await start(2)
  const clients = await everyThread(server, 2)
  const [own, other] = [...clients.entries()].sort(([a], [b]) => a - b)
  const closed = new Promise((resolve) => other?.[1].socket.once('end', resolve).once('close', resolve))
  other?.[1].socket.on('error', () => {})
  other?.[1].send('GET /exit/3 HTTP/1.1\r\nhost: t\r\n\r\n')
  await closed
  await until(() => server.stats().lanes[1]?.restarts === 1 && states(server)[1] === '1 running', 'the next')
  expect(await who(own?.[1] as RawClient)).toBe(own?.[0])
  const next = await everyThread(server, 2)
  expect([...next.keys()]).not.toContain(other?.[0])
  for (const client of [...clients.values(), ...next.values()]) client.socket.destroy()
  await until(() => server.stats().connections === 0, 'the end of the connections')
  expect(server.stats().slots.used).toBe(0)
})

test('reload() is not possible', async () => {
  const server = await start(2)
  await expect(server.reload()).rejects.toMatchObject({ code: 'ARMATURE_RELOAD_INLINE' })
})

test('close() lets every thread finish what it has', async () => {
  const server = await start(2)
  const clients = await everyThread(server, 2)
  const answers = [...clients.values()].map(async (client) => {
    client.send('GET /slow/300 HTTP/1.1\r\nhost: t\r\n\r\n')
    return client.read()
  })
  await until(() => server.stats().inFlight === 2, 'the requests')
  await server.close()
  for (const { status, headers } of await Promise.all(answers)) {
    expect([status, headers.connection]).toEqual([200, 'close'])
  }
})

test('close() ends although a thread computes', async () => {
  const server = await start(2)
  const clients = await everyThread(server, 2)
  const [, other] = [...clients.entries()].sort(([a], [b]) => a - b)
  other?.[1].socket.on('error', () => {})
  other?.[1].send('GET /busy/60000 HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => (server.stats().lanes[1]?.handedOver ?? 0) > 0, 'the request')
  await server.close({ timeout: 100 })
  for (const client of clients.values()) client.socket.destroy()
})

test('more threads than loops have numbers are refused', async () => {
  await expect(start(257)).rejects.toThrow(/workers: 257 is not a number of JavaScript threads from 1 to 256/)
})
