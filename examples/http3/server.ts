import { dirname } from 'node:path'
import { createApp } from './app.js'
import { selfSigned } from './certificate.js'

const { CERT, KEY, HOST = '127.0.0.1', PORT = '3443' } = process.env
const tls = CERT && KEY ? { cert: CERT, key: KEY } : selfSigned(dirname(process.argv[1] ?? '.'))

createApp()
  // The same number for TCP and UDP: clients come over HTTP/2 first, and are told of HTTP/3 (`Alt-Svc`).
  .run({ listen: { host: HOST, port: Number(PORT), tls, http3: true } })
  .then((server) => console.log(`https: ${server.url}`))
