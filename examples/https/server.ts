import { dirname } from 'node:path'
import { createApp } from './app.js'
import { selfSigned } from './certificate.js'

const { CERT, KEY, PORT = '3443', HTTP_PORT = '3080' } = process.env
// Paths are read again when the files change: a renewed certificate needs no restart.
const tls = CERT && KEY ? { cert: CERT, key: KEY } : selfSigned(dirname(process.argv[1] ?? '.'))

createApp()
  .run({
    listen: [
      { port: Number(PORT), tls },
      { port: Number(HTTP_PORT), redirectHttps: true },
    ],
  })
  .then((server) => {
    const [, plain] = server.addresses
    console.log(`https: ${server.url}`)
    console.log(`redirecting from http://${plain}`)
  })
