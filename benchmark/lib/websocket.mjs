// WebSocket: messages that come back, a topic with many sockets, and what a silent one costs, or a silent stream of events.
import { contenders } from '../contenders.mjs'
import { websocketNames } from '../works.mjs'
import { startContender } from './child.mjs'
import { each, exchange, open } from './client.mjs'
import { buildCrate } from './crates.mjs'
import { quietServer } from './load.mjs'
import { settledRss } from './memory.mjs'
import { cpu, cpuBetween, rss } from './proc.mjs'
import { startSockets } from './sockets.mjs'
import { orderOf } from './turns.mjs'

/** The yardstick of this work. */
export const ws = 'ws'

/** What is measured: arguments of the client behind the port. */
export const websocketLoads = {
  'websocket: echo': { title: '64 connections, one message in flight on each', args: ['echo', '64', '1'] },
  'websocket: echo, 16 in flight': {
    title: '64 connections, 16 messages in flight on each',
    args: ['echo', '64', '16'],
  },
  'websocket: broadcast': {
    title:
      'One message after the other to a topic with 2,000 sockets; figures are of each message that arrives',
    args: ['broadcast', '2000'],
  },
  'websocket: broadcast, compressed': {
    title:
      'The same with 2,048 bytes of JSON and permessage-deflate, each message by itself (`no_context_takeover`)',
    args: ['deflated', '2000'],
  },
}
/** What costs memory and nothing else: the column of its figures, and the path that is asked for. */
export const idleLoads = {
  'websocket: idle': { key: 'idle', path: '/ws', status: '101' },
  'websocket: idle streams': { key: 'idleStream', path: '/events', status: '200' },
}

/** Why it cannot be measured, or undefined. */
export const prepareWebsocket = () => buildCrate('sockets')

/** By name, in the order of the tables: the servers of `ready` with WebSockets, and `ws`. */
export function servers(ready) {
  const of = (name, file) => {
    const contender = contenders[name]
    const command = contender.command.map((part) => part.replace(/[^/]+\.mjs$/, file))
    return [name, { ...contender, command }]
  }
  const file = (name) => (name === 'uws' ? 'sockets-uws.mjs' : 'sockets-armature.mjs')
  const known = websocketNames.filter((name) => ready.includes(name)).map((name) => of(name, file(name)))
  return Object.fromEntries([...known, [ws, of('node-http', 'sockets-ws.mjs')[1]]])
}

async function turn({ server, contender }, { args: [kind, ...args] }, duration) {
  const milliseconds = String(Math.round(duration * 1000))
  const client = await startSockets([kind, String(server.port), ...args, milliseconds], duration + 60)
  // From the first message to the last one: handshakes are none of it.
  const before = cpu(server.pid)
  const { messages, microseconds, p50, p99 } = await client.measure()
  const spent = cpuBetween(server.pid, before, cpu(server.pid))
  const rssMegabytes = rss(server.pid) / 2 ** 20
  await client.end()
  await quietServer(server.pid)
  return {
    perSecond: (messages * 1_000_000) / microseconds,
    p50: p50 || undefined,
    p99: p99 || undefined,
    cpuProcess: spent.process / messages,
    cpuMain: contender.javascript ? spent.main / messages : undefined,
    rssMegabytes,
  }
}

const upgrade =
  'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** KB of resident memory for each of `count` sockets or streams that say nothing. */
async function idle({ server }, { key, path, status }, count) {
  const request = `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${status === '101' ? upgrade : ''}\r\n`
  const openOne = async () => {
    const socket = await open(server.port)
    const answer = await exchange(socket, request, (received) => received.includes('\r\n\r\n'))
    if (!answer.startsWith(`HTTP/1.1 ${status}`)) throw new Error(`${path} was answered ${answer}`)
    return socket
  }
  // What the first ones load is not counted.
  for (const socket of await each(64, 64, openOne)) socket.destroy()
  const before = await settledRss(server)
  const sockets = await each(count, 64, openOne)
  const after = await settledRss(server)
  for (const socket of sockets) socket.destroy()
  await quietServer(server.pid)
  return { [key]: (after - before) / count / 1024 }
}

/** `begin(work)` and `end(work)` frame a load; what comes of a turn is given to `add(name, work, slice, figures)`. */
export async function websocket(ready, slices, { duration, warmup, held }, { begin, add, end }) {
  const running = []
  try {
    for (const [name, contender] of Object.entries(servers(ready)))
      running.push({ name, contender, server: await startContender(contender) })
    for (const [work, load] of Object.entries(websocketLoads)) {
      begin(work)
      for (const one of running) await turn(one, load, warmup)
      for (let slice = 1; slice <= slices; slice++) {
        for (const one of orderOf(running, slice)) add(one.name, work, slice, await turn(one, load, duration))
      }
      end(work)
    }
    for (const [work, load] of Object.entries(idleLoads)) {
      begin(work)
      for (const one of running) add(one.name, work, undefined, await idle(one, load, held))
      end(work)
    }
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()))
  }
}
