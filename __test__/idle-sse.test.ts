// What a stream of server-sent events costs while it has nothing to say.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isInline } from './helper.js'

const STREAMS = 10_000
/** Single processes take 3.5 to 4.4 KB for each, most of them 3.6: what an allocator and V8 round up to differs by megabytes. */
const MOST = 4.5 * 1024
const TRIES = 3

interface Numbers {
  rss: number
  open: number
}

test.runIf(process.platform === 'linux')(
  'an idle stream of events takes about 4 KB',
  { timeout: 120_000 },
  async () => {
    let least = Number.POSITIVE_INFINITY
    for (let n = 0; n < TRIES && least >= MOST; n++) least = Math.min(least, await bytes())
    expect(least).toBeLessThan(MOST)
  },
)

/** Of a stream, in a process of its own. */
async function bytes(): Promise<number> {
  const child = fork(join(__dirname, 'fixtures/idle-sse.cjs'), {
    env: { ...process.env, NODE_ENV: 'production', ARMATURE_IO: isInline ? 'inline' : '1' },
    // The young generation grows by tens of MB, once and whatever it is that is made: no part of what a stream costs.
    execArgv: ['--expose-gc', '--no-warnings', '--max-semi-space-size=1'],
  })
  const sockets: Socket[] = []
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    const open = async () => {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      await once(socket, 'connect')
      socket.write('GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n')
      const [answer] = await once(socket, 'data')
      expect(String(answer)).toMatch(/^HTTP\/1\.1 200/)
    }
    const openMany = async (count: number) => {
      for (let n = 0; n < count; n += 100) await Promise.all(Array.from({ length: 100 }, open))
    }
    const numbers = async () => {
      child.send('numbers')
      return ((await once(child, 'message')) as [Numbers])[0]
    }
    // Code and pools that are there once are not what is measured.
    await openMany(500)
    const before = await numbers()
    await openMany(STREAMS)
    const after = await numbers()
    expect(after.open - before.open).toBe(STREAMS)
    return (after.rss - before.rss) / STREAMS
  } finally {
    for (const socket of sockets) socket.destroy()
    child.kill('SIGKILL')
  }
}
