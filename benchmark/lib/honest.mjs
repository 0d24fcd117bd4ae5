// Before anything is measured: does the handler really run? Each answer has to contain what only this request sent.
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { document } from '../works.mjs'

function expectEqual(what, actual, expected) {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what} answered ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`)
  }
}

/** Sends `text` on a new connection and resolves to what comes back until `isComplete` or 5 s. */
function exchange(port, text, isComplete) {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.setTimeout(5000, () =>
      socket.destroy(new Error(`no complete answer to pipelined requests:\n${received}`)),
    )
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += chunk
      if (isComplete(received)) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(received))
  })
}

async function checkPipeline(port) {
  const ids = Array.from({ length: 16 }, () => randomUUID())
  const found = (text) => [...text.matchAll(/"id":"([^"]+)"/g)].map((match) => match[1])
  const requests = ids.map((id) => `GET /users/${id} HTTP/1.1\r\nhost: localhost\r\n\r\n`).join('')
  const received = await exchange(port, requests, (text) => found(text).length === ids.length)
  expectEqual('16 pipelined requests', found(received), ids)
}

/** Throws when one of the works is answered wrongly. */
export async function checkAnswers(port) {
  const url = `http://127.0.0.1:${port}`
  const hello = await fetch(url)
  expectEqual('GET /', [hello.status, await hello.text()], [200, 'hello'])
  expectEqual('its content type', hello.headers.get('content-type')?.split(';')[0], 'text/plain')
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
  await checkPipeline(port)
}
