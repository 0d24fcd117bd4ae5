// @ts-check
import { App, get, HttpResponse } from '@armature/core'

const app = App.new()
  .route(
    '/',
    get(() => 'Hello from Armature\n'),
  )
  .get('/users/:id', async (req) => ({ id: req.param('id'), name: 'Alice' }))
  .post('/echo', async (req) => HttpResponse.json(await req.json()))

const server = await app.run()
console.log(`hello: ${server.url}`)
