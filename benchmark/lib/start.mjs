// Size and start: what an installation takes, how long the first answer takes, and what a busy process keeps.
import { contenders } from '../contenders.mjs'
import { startContender } from './child.mjs'
import { ask, each, open } from './client.mjs'
import { armatureSize, packageSize } from './install-size.mjs'
import { rss } from './proc.mjs'

/** Who is measured; `node:http` is the floor, for it is what Node itself takes. */
export const starters = ['armature-async', 'fastify', 'express', 'node-http']

/** Milliseconds from `node app.js` to the first answer. */
async function firstAnswer(contender) {
  const begin = performance.now()
  const server = await startContender(contender)
  try {
    const socket = await open(server.port)
    await ask(socket, '/', 'hello')
    const end = performance.now()
    socket.destroy()
    return end - begin
  } finally {
    await server.stop()
  }
}

/** Megabytes of resident memory after `requests` answers to `GET /` over 64 connections; nothing is collected. */
async function rssAfter(contender, requests) {
  const server = await startContender(contender)
  try {
    const sockets = await each(64, 64, () => open(server.port))
    const free = [...sockets]
    await each(requests, sockets.length, async () => {
      const socket = free.pop()
      await ask(socket, '/', 'hello')
      free.push(socket)
    })
    const megabytes = rss(server.pid) / 2 ** 20
    for (const socket of sockets) socket.destroy()
    return megabytes
  } finally {
    await server.stop()
  }
}

/** `{ bytes, packages }` of an installation without development dependencies. */
async function installed(name) {
  if (name === 'node-http') return { bytes: 0, packages: 0 }
  return name.startsWith('armature') ? armatureSize() : packageSize(name)
}

/** Samples of work `start`, and sizes by contender. */
export async function startAndSize(names, { quick }) {
  const samples = []
  const sizes = {}
  const requests = quick ? 2000 : 100_000
  for (const name of names) sizes[name] = await installed(name)
  for (let round = 1; round <= (quick ? 1 : 7); round++) {
    for (const name of round % 2 === 1 ? names : [...names].reverse()) {
      const sample = {
        round,
        work: 'start',
        contender: name,
        milliseconds: await firstAnswer(contenders[name]),
      }
      if (round === 1) sample.busyMegabytes = await rssAfter(contenders[name], requests)
      samples.push(sample)
    }
  }
  return { samples, sizes, requests }
}
