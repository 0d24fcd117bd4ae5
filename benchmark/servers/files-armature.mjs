// Files of a folder: `<folder>`.
import { App } from '@armature/core'
import { ready } from './ready.mjs'

const server = await App.new().files('/', process.argv[2]).run({ listen: '127.0.0.1:0' })
ready(server.port)
