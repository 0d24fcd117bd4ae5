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
/** As many as the benchmark opens. With the default young generation they take 3.9 to 4.0 KB each. */
const FEW = 3000

/** The young generation grows by MBs, once: with many streams what each of them costs is seen without that. */
const SMALLEST = ['--max-semi-space-size=1']

interface Numbers {
  rss: number
  open: number
}

test.runIf(process.platform === 'linux')(
  'an idle stream of events takes about 4 KB',
  { timeout: 120_000 },
  async () => {
    let least = Number.POSITIVE_INFINITY
    for (let n = 0; n < TRIES && least >= MOST; n++) least = Math.min(least, await bytes(STREAMS, SMALLEST))
    expect(least).toBeLessThan(MOST)
  },
)

// What outlives two collections makes the young generation double: streams that leave garbage of that kind pay for it here.
test.runIf(process.platform === 'linux')(
  'and no more when V8 chooses the size of its young generation',
  { timeout: 120_000 },
  async () => {
    let least = Number.POSITIVE_INFINITY
    for (let n = 0; n < TRIES && least >= MOST; n++) least = Math.min(least, await bytes(FEW, []))
    expect(least).toBeLessThan(MOST)
  },
)

/** Of each of `streams`, in a process of its own. */
async function bytes(streams: number, execArgv: string[]): Promise<number> {
  const child = fork(join(__dirname, 'fixtures/idle-sse.cjs'), {
    env: { ...process.env, NODE_ENV: 'production', ARMATURE_IO: isInline ? 'inline' : '1' },
    execArgv: ['--expose-gc', '--no-warnings', ...execArgv],
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
    await openMany(streams)
    const after = await numbers()
    expect(after.open - before.open).toBe(streams)
    return (after.rss - before.rss) / streams
  } finally {
    for (const socket of sockets) socket.destroy()
    child.kill('SIGKILL')
  }
}
