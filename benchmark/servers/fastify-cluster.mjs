// Fastify as several processes that share a port: what Node.js has for more than one core. `--processes <n>`.
import cluster from 'node:cluster'
import { ready } from './ready.mjs'

if (cluster.isPrimary) {
  const count = Number(process.argv[process.argv.indexOf('--processes') + 1])
  // Their own announcements are not for the harness: it waits until all of them listen.
  cluster.setupPrimary({ silent: true })
  let listening = 0
  cluster.on('listening', (_worker, { port }) => {
    listening++
    if (listening === count) ready(port)
  })
  for (let i = 0; i < count; i++) cluster.fork()
} else {
  await import('./fastify.mjs')
}
