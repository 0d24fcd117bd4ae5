// What every JavaScript contender tells the harness, and what the harness may ask of it.
import { report, watch } from './turns.mjs'

const answers = {
  collect() {
    globalThis.gc?.()
    return 'collected'
  },
  watch,
  report,
}

/** Prints the port; from then on does what the harness asks: collects garbage, watches its own timers. */
export function ready(port) {
  console.log(`port ${port}`)
  process.on('message', (message) => process.send?.(answers[message]()))
}

/** For servers of `node:http`: idle connections stay as long as those of Fastify and Armature. */
export function listen(server) {
  server.keepAliveTimeout = 75_000
  server.listen(0, '127.0.0.1', () => ready(server.address().port))
}
