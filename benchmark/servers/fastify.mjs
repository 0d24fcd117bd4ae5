import Fastify from 'fastify'
import { block } from './compute.mjs'
import { ready } from './ready.mjs'
import { count, release, wait } from './waiting.mjs'

const app = Fastify()
const hello = async (_req, reply) => {
  reply.type('text/plain; charset=utf-8')
  return 'hello'
}
app.get('/', hello)
app.get('/fixed', hello)
app.get('/users/:id', async (req) => ({ id: req.params.id, name: 'Alice' }))
app.post('/echo', async (req) => req.body)
app.get('/block/:ms', async (req) => block(req.params.ms))
app.get('/wait/:id', async (req) => wait(req.params.id))
app.get('/waiting', async () => count())
app.get('/release', async () => release())
await app.listen({ port: 0, host: '127.0.0.1' })
ready(app.server.address().port)
