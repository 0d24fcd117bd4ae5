import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App, type RunOptions, type Server } from '@armature/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cacheDir } from '../scripts/lib/paths.mjs'
import { startServer } from '../scripts/testing/process.mjs'
import { RawClient, until } from './helper.js'
import { closedAfterEach } from './threads.js'

const folder = join(cacheDir, 'watch', String(process.pid))
const entry = join(folder, 'entry.cjs')

beforeEach(() => mkdirSync(join(folder, 'lib'), { recursive: true }))

// Runs after the hook below, which ends those who watch it.
afterEach(() => rmSync(folder, { recursive: true, force: true }))
const servers = closedAfterEach()

/** The application, whose answer is in a module of its own. */
function write(answer: string): void {
  writeFileSync(join(folder, 'lib', 'answer.cjs'), `module.exports = ${answer}`)
}

function writeEntry(signals: boolean): void {
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(
    entry,
    `const { App } = require('@armature/core')
    const answer = require('./lib/answer.cjs')
    App.new().get('/', () => answer).run({ listen: '127.0.0.1:0', io: 1, signals: ${signals}, watch: true })
      .then((server) => { if (require('@armature/core').isPrimary) console.log(server.url + ' ') })
    `,
  )
}

async function start(watch: RunOptions['watch'], run: RunOptions = {}): Promise<Server> {
  write(`'v0'`)
  writeEntry(false)
  const options = {
    listen: '127.0.0.1:0',
    io: 1,
    signals: false,
    workers: { count: 1, entry },
    watch,
    ...run,
  }
  const server = await App.new()
    .get('/', () => 'v0')
    .run(options)
  servers.push(server)
  return server
}

async function becomes(client: RawClient, body: string): Promise<void> {
  for (let n = 0; n < 2000; n++) {
    if ((await client.get('/')).body === body) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`the answer is not ${body}`)
}

test('a file that is imported changes: the same connection gets the new answer', async () => {
  const server = await start(true)
  await using client = await RawClient.to(server.port)
  expect((await client.get('/')).body).toBe('v0')
  write(`'v1'`)
  await becomes(client, 'v1')
  write(`'v2'`)
  await becomes(client, 'v2')
})

test('new folders are watched, node_modules, dot files and other names are not', async () => {
  const server = await start({ delay: 1 })
  await using client = await RawClient.to(server.port)
  const generation = () => Math.max(...server.stats().lanes.map((lane) => lane.generation))
  mkdirSync(join(folder, 'node_modules', 'x'), { recursive: true })
  writeFileSync(join(folder, 'node_modules', 'x', 'index.js'), '1')
  writeFileSync(join(folder, '.env.js'), '1')
  writeFileSync(join(folder, 'data.sqlite'), '1')
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true })
  // What follows is seen after what came before, were that to count.
  writeFileSync(join(folder, 'lib', 'answer.cjs'), `module.exports = require('../deep/er/answer.cjs')`)
  writeFileSync(join(folder, 'deep', 'er', 'answer.cjs'), `module.exports = 'deep'`)
  await becomes(client, 'deep')
  const before = generation()
  writeFileSync(join(folder, 'deep', 'er', 'answer.cjs'), `module.exports = 'deeper'`)
  await becomes(client, 'deeper')
  expect(generation()).toBeGreaterThan(before)
  rmSync(join(folder, 'deep'), { recursive: true })
  write(`'v3'`)
  await becomes(client, 'v3')
})

test('paths and extensions say what counts', async () => {
  write(`'v0'`)
  const page = join(folder, 'page.html')
  writeFileSync(page, 'one')
  const server = await start({ paths: [page], extensions: ['html'], delay: 1 })
  writeFileSync(
    entry,
    `const { App } = require('@armature/core')
    const page = require('node:fs').readFileSync(${JSON.stringify(page)}, 'utf8')
    App.new().get('/', () => page).run({ listen: '127.0.0.1:0', io: 1, watch: true, signals: false })`,
  )
  await using client = await RawClient.to(server.port)
  expect((await client.get('/')).body).toBe('v0')
  writeFileSync(page, 'two')
  await becomes(client, 'two')
})

test('code that does not load: the old serves on, the error is shown, the next change is loaded', async () => {
  write(`'v0'`)
  writeEntry(true)
  const server = await startServer([entry], {})
  await using client = await RawClient.to(Number(new URL(server.url).port))
  write('a mistake')
  await until(() => server.output().includes('SyntaxError'), 'the error')
  expect(server.output()).toMatch(/reloading after a change of .*answer\.cjs failed/)
  expect((await client.get('/')).body).toBe('v0')
  write(`'v1'`)
  await becomes(client, 'v1')
  await until(() => /reloaded after a change of .*answer\.cjs/.test(server.output()), 'the word of it')
  expect(await server.end('SIGTERM')).toBe(0)
})

test('what cannot be watched is said at start', async () => {
  const missing = start({ paths: [join(folder, 'nowhere')] })
  await expect(missing).rejects.toThrow(/^watch\.paths: '.*nowhere' is not a file or folder that exists/)
  const inline = start(true, { io: 'inline' })
  await expect(inline).rejects.toThrow(/^watch: true is not possible with io: 'inline'/)
})
