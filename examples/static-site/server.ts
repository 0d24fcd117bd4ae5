import { createApp } from './app.js'

createApp()
  .run()
  .then((server) => console.log(`static-site: ${server.url}`))
