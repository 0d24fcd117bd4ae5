// The same with uWebSockets.js.
import { createRequire } from 'node:module'
import { ready } from './ready.mjs'

const uws = createRequire(new URL('../uws/package.json', import.meta.url))('uwebsockets')

const app = uws.App()
app
  .ws('/ws', { message: (socket, data, isBinary) => socket.send(data, isBinary) })
  .ws('/topic', { open: (socket) => socket.subscribe('topic') })
  .ws('/speak', { message: (_socket, data, isBinary) => app.publish('topic', data, isBinary) })
  .listen('127.0.0.1', 0, (socket) => ready(uws.us_socket_local_port(socket)))
