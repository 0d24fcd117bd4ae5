// The same with `ws`, which has no topics: whoever speaks sends to each, as its documentation does.
import { WebSocket, WebSocketServer } from 'ws'
import { ready } from './ready.mjs'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
const topic = new Set()
server.on('connection', (socket, { url }) => {
  if (url === '/topic') {
    topic.add(socket)
    socket.on('close', () => topic.delete(socket))
  }
  socket.on('message', (data, binary) => {
    if (url === '/ws') socket.send(data, { binary })
    else for (const each of topic) if (each.readyState === WebSocket.OPEN) each.send(data, { binary })
  })
})
server.on('listening', () => ready(server.address().port))
