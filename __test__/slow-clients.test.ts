// slowhttptest, which holds connections open by being slow: with heads, with bodies, with reading answers. Others are served
// meanwhile, as if it were not there.
import { spawn } from 'node:child_process'
import { App, HttpResponse, type RunOptions } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { needsTool, RawClient, until } from './helper.js'

const CONNECTIONS = 150
/** How long it goes on, in seconds; it counts in whole ones. */
const SECONDS = 3

const answer = Buffer.alloc(512 * 1024, 'x')

function start(timeouts: RunOptions['timeouts'] = {}): Promise<TestServer> {
  const app = App.new({ timeouts })
    .get('/', () => 'x')
    .get('/large', () => HttpResponse.ok(answer))
    .post('/', async (req) => (await req.bytes()).length)
  return testServer(app)
}

/** Runs slowhttptest in one of its modes; resolves when it ends. */
function attack(t: TestServer, path: string, ...mode: string[]): Promise<void> {
  const args = [
    '-c',
    String(CONNECTIONS),
    '-r',
    String(CONNECTIONS),
    '-l',
    String(SECONDS),
    '-i',
    '1',
    '-p',
    '1',
  ]
  const child = spawn('slowhttptest', [...args, ...mode, '-u', new URL(path, t.url).href, '-v', '0'], {
    stdio: 'ignore',
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => resolve())
  })
}

/** All modes at once, against one server. */
function attacks(t: TestServer): Promise<unknown> {
  return Promise.all([
    attack(t, '/', '-H', '-x', '24'),
    attack(t, '/', '-B', '-s', '8192', '-x', '10'),
    // It reads 32 bytes a second of an answer of half a megabyte, through a window of a few hundred.
    attack(t, '/large', '-X', '-w', '256', '-y', '512', '-n', '1', '-z', '32'),
  ])
}

/** Asks again and again while `during` lasts; how long each answer took, in milliseconds. */
async function ask(t: TestServer, during: Promise<unknown>): Promise<number[]> {
  let over = false
  const ended = during.finally(() => {
    over = true
  })
  const took: number[] = []
  await using kept = await RawClient.to(t.server.port)
  while (!over) {
    // On a connection that exists, and on a new one.
    for (const client of [kept, await RawClient.to(t.server.port)]) {
      const began = performance.now()
      const { status, body } = await client.get('/')
      took.push(performance.now() - began)
      expect([status, body]).toEqual([200, 'x'])
      if (client !== kept) client.socket.destroy()
    }
  }
  await ended
  return took.sort((a, b) => a - b)
}

test('against the defaults', async (context) => {
  needsTool(context, 'slowhttptest', '-h')
  await using t = await start()
  const attacked = attacks(t)
  const served = ask(t, attacked)
  // They are all there at once, but for those whose answers would be more than may wait; and nobody else notices.
  const stats = () => t.server.stats()
  await until(() => stats().connections + stats().givenUp > CONNECTIONS * 3 - 10, 'the connections')
  const during = stats()
  expect(during.givenUp).toBeLessThan(CONNECTIONS)
  const took = await served
  expect(took.length).toBeGreaterThan(100)
  expect(took[Math.floor(took.length * 0.99)]).toBeLessThan(250)
  expect(during.refused).toBe(0)
  // What is kept for each of them is bounded.
  expect(during.bufferedBytes).toBeLessThan(CONNECTIONS * 3 * 256 * 1024)
  await until(() => t.server.stats().connections === 0, 'the end')
})

test('whoever is slower than the timeouts is cut off, while it goes on', async (context) => {
  needsTool(context, 'slowhttptest', '-h')
  // Its bytes are a second apart.
  await using t = await start({ header: '400ms', body: '400ms', write: '400ms' })
  const attacked = attacks(t)
  let over = false
  const ended = attacked.finally(() => {
    over = true
  })
  const served = ask(t, attacked)
  const stats = () => t.server.stats()
  await until(() => stats().headerTimeouts > CONNECTIONS * 0.9, 'the slow heads')
  await until(() => stats().bodyTimeouts > CONNECTIONS * 0.9, 'the slow bodies')
  await until(() => stats().writeTimeouts > CONNECTIONS * 0.9, 'the slow readers')
  expect(over).toBe(false)
  const took = await served
  expect(took[Math.floor(took.length * 0.99)]).toBeLessThan(250)
  await ended
  await until(() => stats().connections === 0, 'the end')
  expect(stats()).toMatchObject({ inFlight: 0, shed: 0, refused: 0 })
})
