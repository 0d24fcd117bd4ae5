// Fastify with HTTP/2 without TLS (no arguments), or with HTTP/1.1 behind TLS: `<certificate> <key>`.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { ready } from './ready.mjs'

const files = process.argv.slice(2)
const [cert, key] = files.map((file) => readFileSync(file))
const app = Fastify(files.length === 0 ? { http2: true } : { https: { cert, key } })
app.get('/users/:id', async (req) => ({ id: req.params.id, name: 'Alice' }))
await app.listen({ port: 0, host: '127.0.0.1' })
ready(app.server.address().port)
