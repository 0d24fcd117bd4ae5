import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { listen } from './ready.mjs'

const app = new Hono()
app.get('/', (c) => c.text('hello'))
app.get('/users/:id', async (c) => c.json({ id: c.req.param('id'), name: 'Alice' }))
app.post('/echo', async (c) => c.json(await c.req.json()))
listen(createServer(getRequestListener(app.fetch)))
