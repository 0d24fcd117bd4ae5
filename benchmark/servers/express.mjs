import { createServer } from 'node:http'
import express from 'express'
import { listen } from './ready.mjs'
import { count, release, wait } from './waiting.mjs'

const app = express()
app.get('/', (_req, res) => {
  res.type('text/plain').send('hello')
})
app.get('/fixed', (_req, res) => {
  res.type('text/plain').send('hello')
})
app.get('/users/:id', async (req, res) => {
  res.json({ id: req.params.id, name: 'Alice' })
})
app.post('/echo', express.json(), (req, res) => {
  res.json(req.body)
})
app.get('/wait/:id', async (req, res) => {
  res.json(await wait(req.params.id))
})
app.get('/waiting', (_req, res) => {
  res.type('text/plain').send(count())
})
app.get('/release', (_req, res) => {
  res.type('text/plain').send(release())
})
listen(createServer(app))
