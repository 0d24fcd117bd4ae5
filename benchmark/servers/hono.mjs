import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { listen } from './ready.mjs'
import { count, release, wait } from './waiting.mjs'

const app = new Hono()
app.get('/', (c) => c.text('hello'))
app.get('/fixed', (c) => c.text('hello'))
app.get('/users/:id', async (c) => c.json({ id: c.req.param('id'), name: 'Alice' }))
app.post('/echo', async (c) => c.json(await c.req.json()))
app.get('/wait/:id', async (c) => c.json(await wait(c.req.param('id'))))
app.get('/waiting', (c) => c.text(count()))
app.get('/release', (c) => c.text(release()))
listen(createServer(getRequestListener(app.fetch)))
