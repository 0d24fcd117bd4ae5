// What it costs a request that somebody wants to know to whom code belongs, and that somebody looks on:
// `node benchmark/micro/context.mjs` prints all ways, the least of five runs. Each run is a process of its own, because a way changes
// what every promise of its process costs.
import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import { fileURLToPath } from 'node:url'
import { App } from '@armature/core'
import { run } from '../../scripts/lib/run.mjs'
import { parseMicro } from '../lib/micro.mjs'
import { report } from './measure.mjs'
import { replay } from './replay.mjs'

const nothing = () => {}
let options = {}
let wrap = (app) => app

const ways = {
  'as it is': nothing,
  'with a storage in middleware': () => {
    const storage = new AsyncLocalStorage()
    wrap = (app) => app.wrap((req, next) => storage.run(req, next))
  },
  'with middleware alone': () => {
    wrap = (app) => app.wrap((_req, next) => next())
  },
  'with currentRequest()': () => import('@armature/core/context'),
  'with a subscriber of each channel': () => {
    for (const name of ['start', 'finish', 'error']) subscribe(`armature:request:${name}`, nothing)
  },
  'with asyncResource': () => {
    options = { asyncResource: true }
  },
  'with a hook of async_hooks': () => {
    createHook({ init: nothing, before: nothing, after: nothing, destroy: nothing }).enable()
  },
  'with asyncResource and such a hook': async () => {
    options = { asyncResource: true }
    await ways['with a hook of async_hooks']()
  },
}

const handlers = {
  'answers at once': () => 'hello',
  'awaits three times': async () => {
    await null
    await null
    await null
    return 'hello'
  },
}

/** What one request costs, by handler. */
async function measure(way) {
  await ways[way]()
  for (const [name, handler] of Object.entries(handlers)) {
    const { run: replayed, close } = await replay(wrap(App.new(options)).get('/users/:id', handler), 'hello')
    await report({ [name]: replayed })
    await close()
  }
}

async function all(rounds) {
  const least = {}
  // In turns: what else the machine does then meets all of them.
  for (let round = 0; round < rounds; round++) {
    for (const way of Object.keys(ways)) {
      const args = [fileURLToPath(import.meta.url), way, ...process.argv.slice(2)]
      const env = { NODE_ENV: 'production' }
      const { code, stdout, stderr } = await run(process.execPath, args, {
        stdout: 'pipe',
        stderr: 'pipe',
        env,
      })
      if (code !== 0) throw new Error(`${way} failed:\n${stderr}`)
      for (const { name, nanoseconds } of parseMicro(stdout)) {
        least[way] ??= {}
        least[way][name] = Math.min(Math.round(nanoseconds), least[way][name] ?? Number.POSITIVE_INFINITY)
      }
    }
  }
  console.log(`Node.js ${process.version}, nanoseconds for one request`)
  console.table(least)
}

const [way] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
if (way === undefined) await all(process.argv.includes('--quick') ? 1 : 5)
else await measure(way)
