import { createServer } from 'node:http'
import { listen } from './ready.mjs'
import { count, release, wait } from './waiting.mjs'

const user = async (id) => ({ id, name: 'Alice' })

async function text(req) {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function send(res, type, body) {
  res.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
}
const sendText = (res, body) => send(res, 'text/plain; charset=utf-8', body)
const sendJson = (res, value) => send(res, 'application/json', JSON.stringify(value))

async function handle(req, res) {
  const { method, url } = req
  if (method === 'POST' && url === '/echo') sendJson(res, JSON.parse(await text(req)))
  else if (method !== 'GET') res.writeHead(404).end()
  else if (url === '/' || url === '/fixed') sendText(res, 'hello')
  else if (url.startsWith('/users/')) sendJson(res, await user(url.slice(7)))
  else if (url.startsWith('/wait/')) sendJson(res, await wait(url.slice(6)))
  else if (url === '/waiting') sendText(res, count())
  else if (url === '/release') sendText(res, release())
  else res.writeHead(404).end()
}

listen(createServer(handle))
