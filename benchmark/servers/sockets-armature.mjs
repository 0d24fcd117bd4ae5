// WebSocket: an echo, and a topic that somebody speaks to.
import { App } from '@armature/core'
import { ready } from './ready.mjs'

const app = App.new()
  .websocket('/ws', {
    message(socket, data) {
      socket.send(data)
    },
  })
  .websocket('/topic', {
    open(socket) {
      socket.subscribe('topic')
    },
  })
  .websocket('/speak', {
    message(socket, data) {
      socket.publish('topic', data)
    },
  })
const server = await app.run({ listen: '127.0.0.1:0' })
ready(server.port)
