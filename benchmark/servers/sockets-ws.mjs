// The same with `ws`, which has no topics: whoever speaks sends to each, as its documentation does. Streams of events with `node:http`.
import { createServer } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { ready } from './ready.mjs'

const http = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
})
// For those who offer it; the others are served as without it.
const perMessageDeflate = { serverNoContextTakeover: true, clientNoContextTakeover: true }
const server = new WebSocketServer({ server: http, perMessageDeflate })
const topics = { '/topic': new Set(), '/deflated': new Set() }
const heard = { '/speak': '/topic', '/speak-deflated': '/deflated' }
server.on('connection', (socket, { url }) => {
  const topic = topics[url]
  if (topic !== undefined) {
    topic.add(socket)
    socket.on('close', () => topic.delete(socket))
  }
  socket.on('message', (data, binary) => {
    if (url === '/ws') socket.send(data, { binary })
    else
      for (const each of topics[heard[url]])
        if (each.readyState === WebSocket.OPEN) each.send(data, { binary })
  })
})
http.listen(0, '127.0.0.1', () => ready(http.address().port))
