// Before anything is measured: does the handler really run? Each answer has to contain what only this request sent.
import { randomUUID } from 'node:crypto'
import { document } from '../works.mjs'
import { exchange, get, open } from './client.mjs'

function expectEqual(what, actual, expected) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what} answered ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  }
}

const idsOf = (text) => [...text.matchAll(/"id":"([^"]+)"/g)].map((match) => match[1])
const post = (id) => {
  const body = document(500, id)
  const type = 'content-type: application/json\r\n'
  return `POST /echo HTTP/1.1\r\nhost: localhost\r\n${type}content-length: ${body.length}\r\n\r\n${body}`
}

async function checkPipeline(port, what, request) {
  const ids = Array.from({ length: 16 }, () => randomUUID())
  const socket = await open(port)
  socket.setTimeout(5000, () => socket.destroy())
  try {
    const isComplete = (text) => idsOf(text).length === ids.length
    const received = await exchange(socket, ids.map(request).join(''), isComplete)
    expectEqual(`16 pipelined ${what}`, idsOf(received), ids)
  } catch (error) {
    throw new Error(`16 pipelined ${what}: ${error.message}`)
  } finally {
    socket.destroy()
  }
}

/** A server that is asked to close the connection says so and does it. */
async function checkClose(port) {
  const id = randomUUID()
  const socket = await open(port)
  socket.setTimeout(5000, () => socket.destroy())
  const ended = new Promise((resolve) => socket.once('end', () => resolve(true)).once('close', resolve))
  const request = get(`/users/${id}`, 'connection: close\r\n')
  const received = await exchange(socket, request, (text) => text.includes('Alice'))
  expectEqual('GET with connection: close', idsOf(received), [id])
  expectEqual('its connection header', /^connection: close\r$/im.test(received), true)
  expectEqual('its end', await ended, true)
  socket.destroy()
}

/** Throws when one of the works is answered wrongly; those of `cannot` are not asked. */
export async function checkAnswers(port, cannot = {}) {
  const url = `http://127.0.0.1:${port}`
  for (const path of ['/', '/fixed']) {
    const hello = await fetch(`${url}${path}`)
    expectEqual(`GET ${path}`, [hello.status, await hello.text()], [200, 'hello'])
    expectEqual('its content type', hello.headers.get('content-type')?.split(';')[0], 'text/plain')
  }
  for (let i = 0; i < 3; i++) {
    const id = randomUUID()
    const user = await fetch(`${url}/users/${id}`)
    expectEqual('GET /users/:id', await user.json(), { id, name: 'Alice' })
    const body = document(500, id)
    const echo = await fetch(`${url}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    expectEqual('POST /echo', await echo.json(), JSON.parse(body))
    expectEqual('its content type', echo.headers.get('content-type')?.split(';')[0], 'application/json')
  }
  await checkPipeline(port, 'GET', (id) => get(`/users/${id}`))
  await checkPipeline(port, 'POST', post)
  if (!cannot['user-connect']) await checkClose(port)
}
