// What a connection over TLS costs while it waits for a request.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { Authority } from './certificates.js'

const CONNECTIONS = 2000
const MOST = 25 * 1024

interface Numbers {
  rss: number
  connections: number
  busyConnections: number
}

test.runIf(process.platform === 'linux')(
  'an idle connection takes no more than 25 KiB',
  { timeout: 120_000 },
  async () => {
    using authority = new Authority()
    const { cert, key } = authority.issue('localhost')
    const child = fork(join(__dirname, 'fixtures/idle-tls.cjs'), [cert, key], {
      env: { ...process.env, NODE_ENV: 'production' },
      execArgv: ['--expose-gc', '--no-warnings'],
    })
    const sockets: TLSSocket[] = []
    try {
      const [{ port }] = (await once(child, 'message')) as [{ port: number }]
      const ca = readFileSync(authority.ca)
      const open = async () => {
        const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca })
        sockets.push(socket)
        await once(socket, 'secureConnect')
        socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
        const [answer] = await once(socket, 'data')
        expect(String(answer)).toMatch(/^HTTP\/1\.1 200/)
      }
      const openMany = async (count: number) => {
        for (let n = 0; n < count; n += 50) await Promise.all(Array.from({ length: 50 }, open))
      }
      const numbers = async () => {
        child.send('numbers')
        return ((await once(child, 'message')) as [Numbers])[0]
      }
      // Code, pools and tickets that are there once are not what is measured.
      await openMany(200)
      const before = await numbers()
      await openMany(CONNECTIONS)
      const after = await numbers()
      expect(after).toMatchObject({ connections: CONNECTIONS + 200, busyConnections: 0 })
      expect((after.rss - before.rss) / CONNECTIONS).toBeLessThan(MOST)
    } finally {
      for (const socket of sockets) socket.destroy()
      child.kill('SIGKILL')
    }
  },
)
