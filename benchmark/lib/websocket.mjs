// WebSocket: messages that come back, a topic with many sockets, and what a silent one costs.
import { run } from '../../scripts/lib/run.mjs'
import { contenders } from '../contenders.mjs'
import { websocketNames } from '../works.mjs'
import { startContender } from './child.mjs'
import { each, exchange, open } from './client.mjs'
import { buildCrate, programOf, said } from './crates.mjs'
import { quietServer } from './load.mjs'
import { settledRss } from './memory.mjs'
import { cpu, cpuBetween, rss } from './proc.mjs'
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
}
export const idleSample = 'websocket: idle'

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

/** What the client says: throws when a message was lost. */
async function drive(port, [kind, ...args], seconds) {
  const milliseconds = String(Math.round(seconds * 1000))
  const options = { stdout: 'pipe', stderr: 'pipe', timeout: seconds * 1000 + 60_000 }
  return said(
    'sockets',
    await run(programOf('sockets'), [kind, String(port), ...args, milliseconds], options),
  )
}

async function turn({ server, contender }, { args }, duration) {
  const before = cpu(server.pid)
  const { messages, microseconds, p50, p99 } = await drive(server.port, args, duration)
  const spent = cpuBetween(server.pid, before, cpu(server.pid))
  const rssMegabytes = rss(server.pid) / 2 ** 20
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

const handshake =
  'GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
  'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

/** KB of resident memory for each of `count` sockets that say nothing. */
async function idle({ server }, count) {
  const openOne = async () => {
    const socket = await open(server.port)
    await exchange(socket, handshake, (received) => received.includes('\r\n\r\n'))
    return socket
  }
  // What the first ones load is not counted.
  for (const socket of await each(64, 64, openOne)) socket.destroy()
  const before = await settledRss(server)
  const sockets = await each(count, 64, openOne)
  const after = await settledRss(server)
  for (const socket of sockets) socket.destroy()
  return { idle: (after - before) / count / 1024 }
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
    begin(idleSample)
    for (const one of running) add(one.name, idleSample, undefined, await idle(one, held))
    end(idleSample)
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()))
  }
}
