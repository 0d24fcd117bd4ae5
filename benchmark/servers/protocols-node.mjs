// node:https: `<certificate> <key>`.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { listen } from './ready.mjs'

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file))
listen(createServer({ cert, key }, (_req, res) => res.end('hello')))
