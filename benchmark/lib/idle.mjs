// What a connection costs that asked once and then stays.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startContender } from './child.mjs'
import { rss } from './proc.mjs'

const request = 'GET /users/42 HTTP/1.1\r\nhost: localhost\r\n\r\n'

/** Opens a connection, asks once, and resolves to the socket when the answer is there. */
function ask(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    let received = ''
    const read = (chunk) => {
      received += chunk
      if (!received.includes('Alice')) return
      socket.off('data', read)
      socket.resume()
      resolve(socket)
    }
    socket.setEncoding('utf8').on('data', read)
    socket.on('error', reject)
  })
}

async function ask64(port, count) {
  const sockets = []
  while (sockets.length < count) {
    const more = Math.min(64, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: more }, () => ask(port)))))
  }
  return sockets
}

/** Resolves to bytes of resident memory for each of `count` idle connections, in a process of its own. */
export async function idleBytes(contender, count) {
  const server = await startContender(contender)
  const sockets = []
  try {
    for (const socket of await ask64(server.port, 640)) socket.destroy() // What a first request loads is not counted.
    await sleep(500)
    await server.collect()
    const before = rss(server.pid)
    sockets.push(...(await ask64(server.port, count)))
    await sleep(500)
    await server.collect()
    const after = rss(server.pid)
    const closed = sockets.filter((socket) => socket.closed || socket.readableEnded).length
    if (closed > 0) throw new Error(`${closed} of ${count} idle connections were closed`)
    return (after - before) / count
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.stop()
  }
}
