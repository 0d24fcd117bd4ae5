// HTTP/1.1, HTTP/2 and HTTP/3 behind TLS: `<certificate> <key>`.
import { App } from '@armature/core'
import { ready } from './ready.mjs'

const [cert, key] = process.argv.slice(2)
const server = await App.new()
  .get('/users/:id', async (req) => ({ id: req.param('id'), name: 'Alice' }))
  .run({ listen: { port: 0, host: '127.0.0.1', tls: { cert, key }, http3: true } })
ready(server.port)
