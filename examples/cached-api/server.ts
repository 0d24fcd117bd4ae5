import { createApp } from './app.js'

createApp()
  .run()
  .then((server) => console.log(`cached-api: ${server.url}`))
