// @ts-check
// The same as server.mjs, for programs that use require().
const { App, get, HttpResponse } = require('@armature/core')

const app = App.new()
  .route(
    '/',
    get(() => 'Hello from Armature\n'),
  )
  .get('/users/:id', async (req) => ({ id: req.param('id'), name: 'Alice' }))
  .post('/echo', async (req) => HttpResponse.json(await req.json()))

app.run().then((server) => console.log(`hello: ${server.url}`))
