import { createApp } from './app.js'

createApp()
  .run()
  .then((server) => console.log(`rest-crud: ${server.url}`))
