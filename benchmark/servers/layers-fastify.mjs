// The same with Fastify and its plugins, each for its own routes alone.
import { constants } from 'node:zlib'
import Fastify from 'fastify'
import { levels, page, report } from './content.mjs'
import { compress, rateLimit } from './plugins.mjs'
import { ready } from './ready.mjs'

const app = Fastify()
app.register(async (limited) => {
  await limited.register(rateLimit, { max: 1, timeWindow: '24h' })
  limited.get('/limited/', async (_req, reply) => {
    reply.type('text/plain; charset=utf-8')
    return 'hello'
  })
})
app.get('/cached/orders', async (_req, reply) => {
  reply.header('cache-control', 'max-age=3600')
  return page
})
app.register(async (compressed) => {
  await compressed.register(compress, {
    encodings: ['br', 'gzip'],
    zlibOptions: { level: levels.gzip },
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: levels.br } },
  })
  compressed.get('/compressed/orders', async () => report)
})
await app.listen({ port: 0, host: '127.0.0.1' })
ready(app.server.address().port)
