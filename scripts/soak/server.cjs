// The server under mixed load. Every answer carries the nonce of its request; numbers go to the parent on request.
const { App, HttpResponse, isPrimary } = require('@armature/core')
const { readdirSync, readFileSync } = require('node:fs')
const { setTimeout: sleep } = require('node:timers/promises')

const nonce = (req) => req.header('x-nonce')
const app = App.new({ limits: { body: '4mb' }, timeouts: { header: '2s', body: '2s' } })
  .get('/sync/:nonce', (req) => req.param('nonce'))
  .get('/async/:nonce', async (req) => ({ nonce: req.param('nonce') }))
  .get('/later/:nonce', async (req) => {
    await sleep(1 + (req.param('nonce').length % 7))
    return { nonce: req.param('nonce') }
  })
  .post('/echo', async (req) => HttpResponse.bytes(await req.bytes()).header('x-nonce', nonce(req)))
  .post('/pipe', (req) => HttpResponse.stream(req).header('x-nonce', nonce(req)))
  .get('/stream/:nonce/:count', (req) =>
    HttpResponse.stream(async function* () {
      for (let i = Number(req.param('count')); i > 0; i--) yield `${req.param('nonce')}\n`
    }),
  )
  .get('/throw/:nonce', (req) => {
    throw Object.assign(new Error('on purpose'), { nonce: req.param('nonce') })
  })
  .onError((error) => HttpResponse.json({ nonce: error.nonce }).status(500))

function numbers(server) {
  const status = readFileSync('/proc/self/status', 'utf8')
  const stats = server.stats()
  return {
    rss: Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024,
    descriptors: readdirSync('/proc/self/fd').length,
    resources: process.getActiveResourcesInfo().length,
    connections: stats.connections,
    inFlight: stats.inFlight,
    pending: stats.lanes.reduce((sum, lane) => sum + lane.pending, 0),
    restarts: stats.lanes.reduce((sum, lane) => sum + lane.restarts, 0),
    running: stats.lanes.filter((lane) => lane.state === 'running').length,
    requests: stats.requests,
  }
}

const threads = []
process.on('worker', (worker) => {
  threads.push(worker)
  worker.on('exit', () => threads.splice(threads.indexOf(worker), 1))
})
/** Ends the worker that has lived longest. */
const kill = () => threads[0]?.terminate()

app.run({ listen: '127.0.0.1:0', workers: JSON.parse(process.env.SOAK_WORKERS ?? '1') }).then((server) => {
  if (!isPrimary) return
  process.on('message', (message) => {
    if (message === 'kill') kill()
    if (message === 'numbers') {
      if (global.gc) global.gc()
      process.send({ numbers: numbers(server) })
    }
  })
  process.on('disconnect', () => process.exit())
  process.send({ port: server.port })
})
