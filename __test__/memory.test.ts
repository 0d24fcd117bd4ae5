import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'

const GIB = 2 ** 30
const MIB = 2 ** 20
let child: ChildProcess
let port = 0

beforeAll(async () => {
  child = spawn(process.execPath, [join(__dirname, 'fixtures/gigabyte.cjs')], {
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  port = Number(/port (\d+)/.exec(String(line))?.[1])
  // Code and pools that every request needs are not what is measured.
  await fetch(`http://127.0.0.1:${port}/up`, { method: 'POST', body: Buffer.alloc(4 * MIB) })
})
afterAll(() => child.kill('SIGKILL'))

const reset = () => fetch(`http://127.0.0.1:${port}/reset`, { method: 'POST' })
const growth = async () => (await (await fetch(`http://127.0.0.1:${port}/memory`)).json()).growth as number

test('a 1 GiB response to a slow reader takes less than 64 MiB', { timeout: 120_000 }, async () => {
  await reset()
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /down HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n')
  let bytes = 0
  let pauseAt = 0
  for await (const chunk of socket) {
    bytes += chunk.length
    if (bytes >= pauseAt) {
      pauseAt += 16 * MIB
      await sleep(5)
    }
  }
  expect(bytes).toBeGreaterThan(GIB)
  expect((await growth()) / MIB).toBeLessThan(64)
})

test('a 1 GiB upload to a slow handler takes less than 64 MiB', { timeout: 120_000 }, async () => {
  await reset()
  const req = request({
    port,
    host: '127.0.0.1',
    path: '/up',
    method: 'POST',
    headers: { 'content-length': GIB },
  })
  const answer = once(req, 'response')
  const piece = Buffer.alloc(MIB)
  for (let sent = 0; sent < GIB; sent += MIB) {
    if (!req.write(piece)) await once(req, 'drain')
  }
  req.end()
  const [res] = await answer
  let text = ''
  for await (const chunk of res) text += chunk
  expect(JSON.parse(text)).toEqual({ bytes: GIB })
  expect((await growth()) / MIB).toBeLessThan(64)
})
