// In its quickest form: handlers that answer at once wherever they can. Compare it with armature-sync.
import { createRequire } from 'node:module'
import { ready } from './ready.mjs'
import { count, release, wait } from './waiting.mjs'

const uws = createRequire(new URL('../uws/package.json', import.meta.url))('uwebsockets')

const sendText = (res, text) => res.writeHeader('content-type', 'text/plain; charset=utf-8').end(text)
const sendJson = (res, value) =>
  res.writeHeader('content-type', 'application/json').end(JSON.stringify(value))

function echo(res) {
  let aborted = false
  const chunks = []
  res.onAborted(() => {
    aborted = true
  })
  res.onData((chunk, isLast) => {
    // The chunk is gone when this returns; most bodies come in one piece, which need not be copied.
    if (!isLast || chunks.length > 0) chunks.push(Buffer.from(chunk.slice(0)))
    if (!isLast || aborted) return
    const text = (chunks.length > 0 ? Buffer.concat(chunks) : Buffer.from(chunk)).toString()
    res.cork(() => sendJson(res, JSON.parse(text)))
  })
}

async function hold(res, req) {
  let aborted = false
  res.onAborted(() => {
    aborted = true
  })
  const value = await wait(req.getParameter(0))
  if (!aborted) res.cork(() => sendJson(res, value))
}

uws
  .App()
  .get('/', (res) => sendText(res, 'hello'))
  .get('/fixed', (res) => sendText(res, 'hello'))
  .get('/users/:id', (res, req) => sendJson(res, { id: req.getParameter(0), name: 'Alice' }))
  .post('/echo', echo)
  .get('/wait/:id', hold)
  .get('/waiting', (res) => sendText(res, count()))
  .get('/release', (res) => sendText(res, release()))
  .listen('127.0.0.1', 0, (socket) => ready(uws.us_socket_local_port(socket)))
