// `--sync`: handlers that answer at once instead of through a promise. Where requests are read and written (`io`) and all
// else is as the operator says: ARMATURE_IO, ARMATURE_LIMITS__..., like any application.
import { App, fixed, HttpResponse } from '@armature/core'
import { block, compute } from './compute.mjs'
import { ready } from './ready.mjs'
import { count, release, wait } from './waiting.mjs'

const sync = process.argv.includes('--sync')
const app = App.new()
  .get('/', sync ? () => 'hello' : async () => 'hello')
  .get(
    '/users/:id',
    sync
      ? (req) => ({ id: req.param('id'), name: 'Alice' })
      : async (req) => ({ id: req.param('id'), name: 'Alice' }),
  )
  .post('/echo', async (req) => HttpResponse.json(await req.json()))
  .get('/fixed', fixed(HttpResponse.text('hello')))
  .get('/block/:ms', (req) => block(req.param('ms')))
  .get('/compute/:id', async (req) => ({ id: req.param('id'), result: compute(req.param('id')) }))
  .get('/wait/:id', async (req) => wait(req.param('id')))
  .get('/waiting', () => count())
  .get('/release', () => release())
const server = await app.run({ listen: '127.0.0.1:0' })
ready(server.port)
