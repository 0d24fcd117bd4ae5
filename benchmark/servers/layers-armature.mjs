// Native layers: those that have nothing to do, and those that answer or compress.
import {
  App,
  BodyLimit,
  Cache,
  Compress,
  ConcurrencyLimit,
  Cors,
  Decompress,
  ETag,
  fixed,
  Health,
  HttpResponse,
  Logger,
  RateLimit,
  scope,
  Timeout,
} from '@armature/core'
import { levels, page, report } from './content.mjs'
import { ready } from './ready.mjs'

const user = async (req) => ({ id: req.param('id'), name: 'Alice' })
const app = App.new()
  .get('/users/:id', user)
  .service(
    // All that they have to do: the limits count, the others look at a request without an origin or a body, and at an answer that
    // is too small to be compressed and too large for a tag. The benchmark `idle` of the core has the same ten.
    scope('/layers')
      .wrap(Health.new({ liveness: '/layers/healthz', readiness: '/layers/readyz' }))
      .wrap(Logger.new({ skip: ['/layers'] }))
      .wrap(Cors.new({ origins: ['https://app.example.com'] }))
      .wrap(RateLimit.new({ limit: 1_000_000, window: '1s', headers: false }))
      .wrap(ConcurrencyLimit.new({ max: 10_000 }))
      .wrap(Timeout.new({ handler: '1m' }))
      .wrap(Compress.default())
      .wrap(Decompress.default())
      .wrap(BodyLimit.new({ max: '1mb' }))
      .wrap(ETag.new({ maxSize: '1b' }))
      .get('/users/:id', user),
  )
  .service(
    scope('/limited')
      .wrap(RateLimit.new({ limit: 1, window: '24h' }))
      .get('/', async () => 'hello'),
  )
  .service(
    scope('/cached')
      .wrap(Cache.default())
      .get('/orders', async () => HttpResponse.json(page).header('cache-control', 'max-age=3600')),
  )
  .get('/fixed/orders', fixed(HttpResponse.json(page)))
  .service(
    scope('/compressed')
      .wrap(Compress.new({ levels }))
      .get('/orders', async () => report),
  )
const server = await app.run({ listen: '127.0.0.1:0' })
ready(server.port)
