// Topics of several JavaScript threads.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import type { App, RunOptions, Server } from '@armature/core'
import { expect, test } from 'vitest'
import { until } from '../helper.js'
import { closedAfterEach } from '../threads.js'
import { Client } from './client.js'

const entry = join(__dirname, '../fixtures/workers/topics.cjs')
const { createApp } = createRequire(__filename)(entry) as { createApp: () => App }

const servers = closedAfterEach()

async function start(options: RunOptions): Promise<Server> {
  const workers = { count: 3, entry, stopTimeout: '1s' }
  const server = await createApp().run({ listen: '127.0.0.1:0', signals: false, workers, ...options })
  servers.push(server)
  return server
}

/** Sockets, until each of three threads has two at least. */
async function everywhere(server: Server): Promise<Map<number, Client[]>> {
  const found = new Map<number, Client[]>()
  while (found.size < 3 || [...found.values()].some((clients) => clients.length < 2)) {
    const client = await Client.open(server.url)
    const thread = Number(String(await client.next()).replace('thread ', ''))
    found.set(thread, [...(found.get(thread) ?? []), client])
  }
  return found
}

const drivers: [string, RunOptions][] = [
  ['IO threads', { io: 2 }],
  ['a loop on each JavaScript thread', { io: 'inline' }],
]

for (const [name, options] of drivers) {
  test(`messages reach the sockets of all threads, in the order of each publisher: ${name}`, async () => {
    const server = await start(options)
    const found = await everywhere(server)
    const all = [...found.values()].flat()
    expect(server.subscribers('all')).toBe(all.length)
    const publishers = [...found].map(([thread, [client]]) => ({ thread, client: client as Client }))
    for (let n = 0; n < 50; n++) {
      for (const { client } of publishers) client.send(`${n}`)
      server.publish('all', `${threadId} ${n} again`)
    }
    for (const client of all) {
      const own = publishers.find((publisher) => publisher.client === client)
      const seen = new Map<string, string[]>()
      const expected = 50 * (own === undefined ? 4 : 3)
      for (let n = 0; n < expected; n++) {
        const [, thread, what] = /^(\d+) (.*)$/.exec(String(await client.next())) as unknown as string[]
        const key = `${thread}${what?.endsWith('again') ? ' again' : ''}`
        seen.set(key, [...(seen.get(key) ?? []), (what as string).replace(' again', '')])
      }
      const numbers = Array.from({ length: 50 }, (_, n) => `${n}`)
      for (const { thread, client: publisher } of publishers) {
        expect(seen.get(`${thread}`)).toEqual(publisher === client ? undefined : numbers)
      }
      expect(seen.get(`${threadId} again`)).toEqual(numbers)
    }
    for (const client of all) client.socket.terminate()
    await until(() => server.stats().webSockets.open === 0, 'the end of all sockets')
    expect(server.stats().webSockets).toMatchObject({ topics: 0, subscriptions: 0 })
  })

  test(`the subscriptions of a thread that ends go with it: ${name}`, async () => {
    const server = await start(options)
    const found = await everywhere(server)
    const [dying] = [...found].filter(([thread]) => thread !== threadId)
    const [gone, clients] = dying as [number, Client[]]
    const left = [...found].filter(([thread]) => thread !== gone).flatMap(([, others]) => others)
    clients[0]?.send('die')
    await Promise.all(clients.map((client) => client.closed))
    await until(() => server.subscribers('all') === left.length, 'the others')
    server.publish('all', 'still here')
    for (const client of left) {
      expect(await client.next()).toBe('still here')
      client.socket.terminate()
    }
  })
}
