// WebSocket: an echo, topics that somebody speaks to, plain and compressed, and a stream of events that says nothing.
import { App, HttpResponse } from '@armature/core'
import { ready } from './ready.mjs'

const subscribe = (topic, options) => ({ ...options, open: (socket) => socket.subscribe(topic) })
const speak = (topic) => ({ message: (socket, data) => socket.publish(topic, data) })

/** Events that never come. */
const silence = {
  [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
}

const app = App.new()
  .websocket('/ws', {
    message(socket, data) {
      socket.send(data)
    },
  })
  .websocket('/topic', subscribe('topic'))
  .websocket('/speak', speak('topic'))
  .websocket('/deflated', subscribe('deflated', { deflate: true }))
  .websocket('/speak-deflated', speak('deflated'))
  .get('/events', () => HttpResponse.sse(silence))
const server = await app.run({ listen: '127.0.0.1:0' })
ready(server.port)
