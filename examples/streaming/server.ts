import { createApp } from './app.js'

const server = await createApp().run()
console.log(`streaming: ${server.url}`)
