// What a connection costs that asked once and then stays, and what a request costs that waits in its handler.
import { setTimeout as sleep } from 'node:timers/promises'
import { startContender } from './child.mjs'
import { ask, each, open } from './client.mjs'
import { rss } from './proc.mjs'

const WIDTH = 64
const PATIENCE = 10_000

const openAndAsk = (port) => async (index) => {
  const socket = await open(port)
  await ask(socket, `/users/${index}`, `"id":"${index}"`)
  return socket
}

/** What first requests load, and what young generations grow to, is not counted. */
async function warm(port) {
  const asking = async () => {
    const socket = await open(port)
    for (let i = 0; i < 50; i++) await ask(socket, `/users/${i}`, `"id":"${i}"`)
    socket.destroy()
  }
  await Promise.all(Array.from({ length: WIDTH }, asking))
}

/** Twice: what the first collection finds unused is given back to the system a little later. */
export async function settledRss(server) {
  for (let i = 0; i < 2; i++) {
    await sleep(200)
    await server.collect()
  }
  return rss(server.pid)
}

/** Waits until `count` requests are in the handler. */
async function allWait(port, count) {
  const end = performance.now() + PATIENCE
  for (;;) {
    const waiting = Number(await (await fetch(`http://127.0.0.1:${port}/waiting`)).text())
    if (waiting === count) return
    if (performance.now() > end) throw new Error(`${waiting} of ${count} requests reached the handler`)
    await sleep(20)
  }
}

const perConnection = (before, idle, inflight, count) => ({
  idle: (idle - before) / count / 1024,
  inflight: (inflight - before) / count / 1024,
  request: (inflight - idle) / count / 1024,
})

/**
 * Resolves to KB of resident memory: `idle` for each of `count` idle connections, `inflight` for each with a request that
 * waits in a handler, `request` for what the request adds. Garbage is collected before each look.
 */
export async function memory(contender, count) {
  const server = await startContender(contender)
  const sockets = []
  try {
    await warm(server.port)
    const before = await settledRss(server)
    sockets.push(...(await each(count, WIDTH, openAndAsk(server.port))))
    const idle = await settledRss(server)
    const closed = sockets.filter((socket) => socket.closed || socket.readableEnded).length
    if (closed > 0) throw new Error(`${closed} of ${count} idle connections were closed`)

    const answers = sockets.map((socket, index) => ask(socket, `/wait/${index}`, `"id":"${index}"`))
    // A rejection is reported by the wait for all of them, below.
    for (const answer of answers) answer.catch(() => {})
    await allWait(server.port, count)
    const inflight = await settledRss(server)
    await fetch(`http://127.0.0.1:${server.port}/release`)
    await Promise.all(answers)
    return perConnection(before, idle, inflight, count)
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.stop()
  }
}
