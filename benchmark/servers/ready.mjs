// What every JavaScript contender tells the harness, and what the harness may ask of it.

/** Prints the port; collects garbage when the harness asks, so that memory can be compared. */
export function ready(port) {
  console.log(`port ${port}`)
  process.on('message', () => {
    globalThis.gc?.()
    process.send?.('collected')
  })
}

/** For servers of `node:http`: idle connections stay as long as those of Fastify and Armature. */
export function listen(server) {
  server.keepAliveTimeout = 75_000
  server.listen(0, '127.0.0.1', () => ready(server.address().port))
}
