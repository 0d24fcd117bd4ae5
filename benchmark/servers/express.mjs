import { createServer } from 'node:http'
import express from 'express'
import { listen } from './ready.mjs'

const app = express()
app.get('/', (_req, res) => {
  res.type('text/plain').send('hello')
})
app.get('/users/:id', async (req, res) => {
  res.json({ id: req.params.id, name: 'Alice' })
})
app.post('/echo', express.json(), (req, res) => {
  res.json(req.body)
})
listen(createServer(app))
