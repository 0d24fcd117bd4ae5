// What the clients of a soak do. Each function is one visit; it throws when an answer is not the one it asked for.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const agent = new Agent({ keepAlive: true, maxSockets: 64 })
let counter = 0
const newNonce = () => `n${(counter++).toString(36)}${'x'.repeat(counter % 40)}`

function send(port, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const req = request({ port, host: '127.0.0.1', path, method, headers, agent }, (res) => {
      const chunks = []
      res.on('data', (chunk) => chunks.push(chunk))
      res.on('end', () =>
        resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }),
      )
      res.on('error', reject)
    })
    req.on('error', reject)
    req.end(body)
  })
}

function check(condition, what) {
  if (!condition) throw new Error(`wrong answer: ${what}`)
}

async function get(port) {
  const nonce = newNonce()
  const kind = ['sync', 'async', 'later'][counter % 3]
  const res = await send(port, `/${kind}/${nonce}`)
  const got = kind === 'sync' ? res.body.toString() : JSON.parse(res.body).nonce
  check(res.status === 200 && got === nonce, `${kind} ${nonce}: ${res.status} ${res.body}`)
}

async function fail(port) {
  const nonce = newNonce()
  const res = await send(port, `/throw/${nonce}`)
  check(res.status === 500 && JSON.parse(res.body).nonce === nonce, `throw ${nonce}`)
}

async function post(port) {
  const nonce = newNonce()
  const sizes = [0, 10, 500, 5000, 70_000, 300_000]
  const body = Buffer.alloc(sizes[counter % sizes.length], nonce)
  const path = counter % 2 ? '/echo' : '/pipe'
  const res = await send(port, path, { method: 'POST', headers: { 'x-nonce': nonce }, body })
  check(res.status === 200 && res.headers['x-nonce'] === nonce && res.body.equals(body), `${path} ${nonce}`)
}

async function stream(port) {
  const nonce = newNonce()
  const count = counter % 2000
  const res = await send(port, `/stream/${nonce}/${count}`)
  check(res.body.toString() === `${nonce}\n`.repeat(count), `stream ${nonce}`)
}

async function pipeline(port) {
  const socket = connect(port, '127.0.0.1')
  const nonces = Array.from({ length: 16 }, newNonce)
  for (const nonce of nonces) socket.write(`GET /sync/${nonce} HTTP/1.1\r\nhost: t\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) {
    text += chunk
    if (text.split('HTTP/1.1 200').length === 17 && text.endsWith(nonces[15])) break
  }
  const got = text.split(/HTTP\/1\.1 200[\s\S]*?\r\n\r\n/).slice(1)
  check(JSON.stringify(got) === JSON.stringify(nonces), 'pipelined answers')
}

async function abort(port) {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const requests = [
    `GET /stream/${newNonce()}/100000 HTTP/1.1\r\nhost: t\r\n\r\n`,
    `GET /later/${newNonce()} HTTP/1.1\r\nhost: t\r\n\r\n`,
    'POST /echo HTTP/1.1\r\nhost: t\r\ncontent-length: 100000\r\n\r\nabc',
    'GET /syn',
  ]
  socket.write(requests[counter++ % requests.length])
  socket.on('error', () => {})
  await sleep(counter % 5)
  if (counter % 2) socket.destroy()
  else socket.resetAndDestroy()
}

async function slow(port) {
  const nonce = newNonce()
  const socket = connect(port, '127.0.0.1')
  for (const part of [`GET /sync/${nonce} HT`, 'TP/1.1\r\nho', 'st: t\r\nconnection: close\r\n', '\r\n']) {
    socket.write(part)
    await sleep(30)
  }
  let text = ''
  for await (const chunk of socket) text += chunk
  check(text.endsWith(nonce), `slow ${nonce}`)
}

/** Mostly short requests, as in life. */
export const visits = [get, get, get, get, get, post, post, stream, pipeline, abort, slow, fail]

export function closeClients() {
  agent.destroy()
}
