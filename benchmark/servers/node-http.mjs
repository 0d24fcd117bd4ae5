import { createServer } from 'node:http'
import { listen } from './ready.mjs'

const user = async (id) => ({ id, name: 'Alice' })

async function text(req) {
  const chunks = []
  for await (const chunk of req) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function handle(req, res) {
  if (req.method === 'GET' && req.url === '/') {
    res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': 5 }).end('hello')
    return
  }
  let value
  if (req.method === 'POST' && req.url === '/echo') value = JSON.parse(await text(req))
  else if (req.method === 'GET' && req.url.startsWith('/users/')) value = await user(req.url.slice(7))
  else {
    res.writeHead(404).end()
    return
  }
  const body = JSON.stringify(value)
  res
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body)
}

listen(createServer(handle))
