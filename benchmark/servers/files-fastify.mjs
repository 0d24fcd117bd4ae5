// The same with @fastify/static: `<folder>`.
import Fastify from 'fastify'
import { files } from './plugins.mjs'
import { ready } from './ready.mjs'

const app = Fastify()
app.register(files, { root: process.argv[2] })
await app.listen({ port: 0, host: '127.0.0.1' })
ready(app.server.address().port)
