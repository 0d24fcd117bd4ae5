import { createApp } from './app.js'

const server = await createApp().run()
console.log(`rest-crud: ${server.url}`)
