import { createApp } from './app.js'

createApp()
  .run()
  .then((server) => console.log(`chat: ${server.url}`))
