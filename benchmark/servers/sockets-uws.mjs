// The same with uWebSockets.js.
import { createRequire } from 'node:module'
import { ready } from './ready.mjs'

const uws = createRequire(new URL('../uws/package.json', import.meta.url))('uwebsockets')

const app = uws.App()
const speak = (topic, compress) => ({
  message: (_socket, data, isBinary) => app.publish(topic, data, isBinary, compress),
})
app
  .ws('/ws', { message: (socket, data, isBinary) => socket.send(data, isBinary) })
  .ws('/topic', { open: (socket) => socket.subscribe('topic') })
  .ws('/speak', speak('topic', false))
  .ws('/deflated', { compression: uws.SHARED_COMPRESSOR, open: (socket) => socket.subscribe('deflated') })
  .ws('/speak-deflated', speak('deflated', true))
  .get('/events', (response) => {
    response.onAborted(() => {})
    response.writeHeader('content-type', 'text/event-stream').write(':\n\n')
  })
  .listen('127.0.0.1', 0, (socket) => ready(uws.us_socket_local_port(socket)))
