// WebSockets whose handlers go to another thread: at a reload, and when their thread dies.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import type { App, RunOptions, Server } from '@armature/core'
import { afterAll, afterEach, expect, test } from 'vitest'
import { cacheDir } from '../../scripts/lib/paths.mjs'
import { until } from '../helper.js'
import { closedAfterEach } from '../threads.js'
import { Client } from './client.js'

const folder = join(cacheDir, 'reopen', String(process.pid))
mkdirSync(folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const [busy, go, left] = [join(folder, 'busy'), join(folder, 'go'), join(folder, 'left')]

/** Writes the code of the next threads. */
function write(version: string, routes = ''): string {
  const path = join(folder, 'entry.cjs')
  writeFileSync(
    path,
    `const { App, isPrimary } = require('@armature/core')
    const { existsSync, writeFileSync } = require('node:fs')
    const { setTimeout: sleep } = require('node:timers/promises')
    const { threadId } = require('node:worker_threads')
    const say = (what) => (socket) => {
      const { name, seen } = socket.data
      socket.send([what, '${version}', threadId, socket.param('room'), name, seen, socket.topics.join()].join(' '))
    }
    exports.createApp = () => App.new()
      .websocket('/room/:room', {
        limits: { state: 200 },
        timeouts: { reopen: process.env.TEST_REOPEN ?? '10s' },
        upgrade: (req) => ({ name: req.queryParam('name'), seen: 0 }),
        open(socket) {
          socket.subscribe(socket.param('room'))
          say('open')(socket)
        },
        reopen: say('reopen'),
        async message(socket, text) {
          socket.data.seen++
          if (text === 'save') socket.save()
          if (text === 'grow') socket.data.name = 'x'.repeat(1000)
          if (text === 'die') process.exit(3)
          if (text === 'block') {
            writeFileSync('${busy}', '')
            while (!existsSync('${go}'));
            process.exit(3)
          }
          if (text.startsWith('slow')) await sleep(20)
          socket.send('${version} ' + text)
        },
        close: (socket, code) => writeFileSync(
          '${left}', ['${version}', code, socket.data.name, socket.topics.join()].join(' '),
        ),
      })
      .websocket('/mortal', {
        open: (socket) => socket.send('open ${version} ' + threadId),
        message: () => process.exit(3),
      })
      .websocket('/function', {
        upgrade: () => ({ call: () => {} }),
        open: (socket) => socket.send('open ${version} ' + threadId),
        reopen: () => {},
      })
      ${routes}
    if (!isPrimary) exports.createApp().run({ listen: '127.0.0.1:0', io: 2, signals: false })
    `,
  )
  return path
}

const warnings: (Error & { code?: string })[] = []
process.on('warning', (warning) => warnings.push(warning))

// Runs after the hook below, which ends those who look for the files.
afterEach(() => {
  delete process.env.TEST_REOPEN
  for (const file of [busy, go, left]) rmSync(file, { force: true })
})
const servers = closedAfterEach()

async function start(count: number, options: RunOptions['workers'] & object = {}): Promise<Server> {
  const entry = write('v0')
  const require = createRequire(__filename)
  delete require.cache[entry]
  const { createApp } = require(entry) as { createApp: () => App }
  const workers = { restartDelay: '10ms', lingerTimeout: '5s', ...options, count, entry }
  const server = await createApp().run({ listen: '127.0.0.1:0', io: 2, signals: false, workers })
  servers.push(server)
  return server
}

interface Joined {
  client: Client
  thread: number
}

async function enter(server: Server, room = 'tea', name = 'ada'): Promise<Joined> {
  const client = await Client.open(`${server.url}/room/${room}?name=${name}`)
  const [, , thread] = String(await client.next()).split(' ')
  return { client, thread: Number(thread) }
}

/** A socket whose handlers are in a worker. */
async function inWorker(server: Server): Promise<Joined> {
  for (;;) {
    const joined = await enter(server)
    if (joined.thread !== threadId) return joined
    joined.client.socket.terminate()
  }
}

const counts = (server: Server) => {
  const { open, reopened, restarted } = server.stats().webSockets
  return { open, reopened, restarted }
}

test('sockets go on with new code, and no message is lost or handled twice', async () => {
  const server = await start(2)
  const joined = await Promise.all(['ada', 'bob', 'cy', 'dee'].map((name) => enter(server, 'tea', name)))
  for (const version of ['v1', 'v2']) {
    write(version)
    let sent = 0
    let isOver = false
    const before = `v${Number(version.slice(1)) - 1}`
    const reloading = server.reload().then(() => {
      isOver = true
    })
    // What is on its way when the threads change.
    while (!isOver || sent < 20) {
      for (const { client } of joined) client.send(sent % 7 === 0 ? `slow ${sent}` : `${sent}`)
      sent++
      await new Promise((resolve) => setImmediate(resolve))
    }
    await reloading
    for (const { client } of joined) {
      const answers: string[] = []
      while (answers.length < sent + 1) answers.push(String(await client.next()))
      const reopened = answers.findIndex((answer) => answer.startsWith('reopen'))
      expect(answers[reopened]).toMatch(new RegExp(`^reopen ${version} \\d+ tea \\w+ \\d+ tea$`))
      expect(answers.slice(0, reopened).every((answer) => answer.startsWith(`${before} `))).toBe(true)
      expect(answers.slice(reopened + 1).every((answer) => answer.startsWith(`${version} `))).toBe(true)
      const numbers = answers.filter((_, at) => at !== reopened).map((answer) => answer.split(' ').at(-1))
      // Answers to what is slow come later than what comes behind it.
      expect(new Set(numbers).size).toBe(sent)
      expect(numbers).toHaveLength(sent)
    }
  }
  expect(counts(server)).toEqual({ open: 4, reopened: 8, restarted: 0 })
  server.publish('tea', 'still subscribed')
  for (const { client } of joined) {
    expect(await client.next()).toBe('still subscribed')
    client.socket.close(1000)
    expect((await client.closed)[0]).toBe(1000)
  }
  expect(server.subscribers('tea')).toBe(0)
})

test('data is what it was: at a reload as it is, after a death as it was kept', async () => {
  const server = await start(2)
  const { client, thread } = await inWorker(server)
  for (const text of ['a', 'save', 'b']) {
    client.send(text)
    expect(await client.next()).toBe(`v0 ${text}`)
  }
  client.send('die')
  const [what, version, other, ...rest] = String(await client.next()).split(' ')
  expect([what, version, rest.join(' ')]).toEqual(['reopen', 'v0', 'tea ada 2 tea'])
  expect(Number(other)).not.toBe(thread)
  client.send('c')
  expect(await client.next()).toBe('v0 c')
  server.publish('tea', 'all')
  expect(await client.next()).toBe('all')
  write('v1')
  await server.reload()
  expect(await client.next()).toMatch(/^reopen v1 \d+ tea ada 3 tea$/)
  // More than is kept: the next thread gets what there was.
  client.send('grow')
  expect(await client.next()).toBe('v1 grow')
  write('v2')
  await server.reload()
  expect(await client.next()).toMatch(/^reopen v2 \d+ tea ada 3 tea$/)
  expect(counts(server)).toEqual({ open: 1, reopened: 3, restarted: 0 })
})

test('what waited for a thread that dies is handled by the next one', async () => {
  const server = await start(2)
  const { client } = await inWorker(server)
  client.send('block')
  await until(() => existsSync(busy), 'a busy thread')
  const texts = ['one', 'x'.repeat(200_000), 'two']
  for (const text of texts) client.send(text)
  await until(
    () => server.stats().lanes.some(({ queuedBytes }) => queuedBytes > 200_000),
    'messages that wait',
  )
  writeFileSync(go, '')
  expect(await client.next()).toMatch(/^reopen v0 \d+ tea ada 0 tea$/)
  for (const text of texts) expect(await client.next()).toBe(`v0 ${text}`)
  // As many as before may wait for it.
  for (let n = 0; n < 2000; n++) client.send(`${n}`)
  for (let n = 0; n < 2000; n++) expect(await client.next()).toBe(`v0 ${n}`)
})

test('a socket waits for a thread, but not for ever', async () => {
  const server = await start(1)
  write('v1')
  await server.reload()
  const { client } = await enter(server)
  client.send('die')
  // Nobody else serves until the thread is started again.
  expect(await client.next()).toMatch(/^reopen v1 \d+ tea ada 0 tea$/)
  expect(counts(server)).toMatchObject({ reopened: 1, restarted: 0 })
})

test.each([
  ['unnoticed', false],
  ['noticed by what is written', true],
])('of a client that leaves while there is no thread the next one hears: %s', async (_, isNoticed) => {
  const server = await start(1, { restartDelay: '1m', maxRestartDelay: '1m' })
  write('v1')
  await server.reload()
  const { client } = await enter(server)
  client.send('die')
  await until(() => server.stats().lanes.every(({ state }) => state !== 'running'), 'the end of the thread')
  client.socket.terminate()
  if (isNoticed) {
    // Nothing is read while there is no thread.
    const isOver = () => {
      server.publish('tea', 'anybody?')
      return server.stats().webSockets.open === 0
    }
    await until(isOver, 'the end of the connection')
  }
  expect(existsSync(left) && readFileSync(left, 'utf8')).toBe(false)
  write('v2')
  await server.reload()
  await until(() => existsSync(left) && readFileSync(left, 'utf8') !== '', 'a call of close')
  expect(readFileSync(left, 'utf8')).toBe('v2 1006 ada tea')
  expect(counts(server)).toEqual({ open: 0, reopened: 1, restarted: 0 })
})

test('of a client that leaves while its thread hangs the next one hears', async () => {
  const server = await start(2)
  let joined: Joined
  let name: string
  let tries = 0
  do {
    name = `ada${tries++}`
    joined = await enter(server, 'tea', name)
    if (joined.thread === threadId) joined.client.socket.terminate()
  } while (joined.thread === threadId)
  joined.client.send('block')
  await until(() => existsSync(busy), 'a busy thread')
  joined.client.socket.terminate()
  await until(() => server.stats().webSockets.open === 0, 'the end of the connection')
  writeFileSync(go, '')
  const heard = `v0 1006 ${name} tea`
  await until(() => existsSync(left) && readFileSync(left, 'utf8') === heard, 'a call of close')
  expect(counts(server)).toEqual({ open: 0, reopened: 1, restarted: 0 })
})

test('when no thread comes it is closed with 1012, and counted', async () => {
  process.env.TEST_REOPEN = '50ms'
  const server = await start(1, { restartDelay: '1m', maxRestartDelay: '1m' })
  write('v1')
  await server.reload()
  const { client } = await enter(server)
  client.send('die')
  expect(await client.closed).toEqual([1012, 'the server restarts'])
  expect(counts(server)).toMatchObject({ reopened: 0, restarted: 1 })
})

test('what cannot survive is closed with 1012, and counted', async () => {
  const server = await start(2)
  const open = async (path: string) => {
    const client = await Client.open(server.url + path)
    expect(await client.next()).toMatch(/^open v0/)
    return client
  }
  const clients = await Promise.all(['/mortal', '/mortal'].map(open))
  // The warning is of the thread that has the socket.
  do clients.push(await open('/function'))
  while (warnings.every(({ code }) => code !== 'ARMATURE_SOCKET_DATA'))
  const lost = await enter(server, 'gone')
  expect(warnings.filter(({ code }) => code === 'ARMATURE_SOCKET_DATA')).toHaveLength(1)
  writeFileSync(
    join(folder, 'entry.cjs'),
    `const { App } = require('@armature/core')
    App.new().websocket('/room/:other', { reopen() {} }).run({ listen: '127.0.0.1:0', io: 2, signals: false })`,
  )
  await server.reload()
  for (const client of [...clients, lost.client]) {
    expect(await client.closed).toEqual([1012, 'the server restarts'])
  }
  await until(() => server.stats().webSockets.open === 0, 'the end of all')
  expect(counts(server)).toEqual({ open: 0, reopened: 0, restarted: clients.length + 1 })
})

test('a worker that dies ends those of its sockets that do not survive it', async () => {
  const server = await start(2)
  for (;;) {
    const client = await Client.open(`${server.url}/mortal`)
    if (Number(String(await client.next()).split(' ')[2]) === threadId) {
      client.socket.terminate()
      continue
    }
    client.send('die')
    expect(await client.closed).toEqual([1012, 'the server restarts'])
    break
  }
  expect(counts(server)).toMatchObject({ restarted: 1 })
})
