import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { App, type Server } from '@armature/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { census } from '../dist/native.js'
import { RawClient, until } from './helper.js'

let ours: Server
beforeAll(async () => {
  ours = await App.new()
    .get('/', () => 'main')
    .run({ listen: '127.0.0.1:0', signals: false })
})
afterAll(() => ours.close())

async function startWorker() {
  const worker = new Worker(join(__dirname, 'fixtures/worker.cjs'), { stderr: true })
  const asked: string[] = []
  let port = 0
  worker.on('message', (message: { asked?: string; port?: number }) => {
    if (message.asked !== undefined) asked.push(message.asked)
    else port = message.port ?? 0
  })
  worker.on('error', () => {})
  await until(() => port > 0, 'the port')
  return { worker, asked, port }
}

/** The status of the answer, or how the connection ended without one. */
async function outcome(client: RawClient): Promise<number | string> {
  try {
    return (await client.read()).status
  } catch {
    return client.closed()
  }
}

/** Nothing of the worker is left: its server has gone, ours serves. */
async function expectGone(port: number) {
  await expect(RawClient.to(port)).rejects.toThrow()
  expect(await (await fetch(ours.url)).text()).toBe('main')
  // One loop, hook and mailbox for each IO thread of the server of this thread.
  await until(() => census()[1] === 1, 'the end of the lane of the worker')
  expect(census()[0]).toBe(census()[2])
}

test('a worker that is terminated answers what waits with 503 and leaves nothing', async () => {
  for (let round = 0; round < 5; round++) {
    const { worker, asked, port } = await startWorker()
    await using idle = await RawClient.to(port)
    expect((await idle.get('/')).status).toBe(200)
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.to(port)))
    for (const client of clients) client.send('GET /wait HTTP/1.1\r\nhost: t\r\n\r\n')
    await using streaming = await RawClient.to(port)
    const begun = once(streaming.socket, 'data')
    streaming.send('GET /stream HTTP/1.1\r\nhost: t\r\n\r\n')
    await Promise.all([begun, until(() => asked.length === 9, 'the requests')])
    const outcomes = Promise.all(clients.map(outcome))
    await worker.terminate()
    expect(await outcomes).toEqual(Array(8).fill(503))
    // Its head has left: what says that the rest will not come is the way the connection ends.
    expect(await streaming.closed()).toBe('reset')
    expect(await idle.closed()).toBe('end')
    await expectGone(port)
    for (const client of clients) client.socket.destroy()
  }
})

test('a worker that is terminated in the middle of a handler answers what waits', async () => {
  const { worker, asked, port } = await startWorker()
  await using busy = await RawClient.to(port)
  busy.send('GET /busy HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => asked.length === 1, 'the handler that never ends')
  await using queued = await RawClient.to(port)
  queued.send('GET / HTTP/1.1\r\nhost: t\r\n\r\n')
  const outcomes = Promise.all([outcome(busy), outcome(queued)])
  await worker.terminate()
  expect(await outcomes).toEqual([503, 503])
  await expectGone(port)
})

test.each([
  ['/exit', 3],
  ['/throw', 1],
])('a worker that ends itself at %s leaves nothing', async (path, code) => {
  const { worker, asked, port } = await startWorker()
  await using waiting = await RawClient.to(port)
  waiting.send('GET /wait HTTP/1.1\r\nhost: t\r\n\r\n')
  await until(() => asked.length === 1, 'the request')
  await using client = await RawClient.to(port)
  const exit = new Promise((resolve) => worker.on('exit', resolve))
  client.send(`GET ${path} HTTP/1.1\r\nhost: t\r\n\r\n`)
  expect(await exit).toBe(code)
  expect([503, 'end', 'reset']).toContain(await outcome(waiting))
  await expectGone(port)
})
