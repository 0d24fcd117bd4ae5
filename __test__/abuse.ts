// One case of abuse over HTTP/2, beside a client that behaves.
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pythonPackages } from '../scripts/lib/python.mjs'

export const cases = [
  'rapid_reset',
  'continuation_flood',
  'empty_continuations',
  'empty_data',
  'settings_flood',
  'ping_flood',
  'unread_pings',
  'zero_window',
  'hpack_bomb',
  'window_updates',
] as const

interface Numbers {
  rss: number
  /** The most that it ever was. */
  peak: number
  floods: number
  connections: number
  inFlight: number
  used: number
}

export interface Abused {
  /** Frames that the server took. */
  sent: number
  /** How it ended: the name of an error code, `closed`, `stalled` or `open`. */
  end: string
  before: Numbers
  after: Numbers
  /** Bytes by which memory grew at most. */
  grown: number
  /** Of the other client's requests, in milliseconds, sorted. */
  latencies: number[]
}

/** What keeps the cases from being run here, if something does. */
export async function missingPeer(): Promise<string | undefined> {
  return (await peer()).problem
}

const peer = (): Promise<{ path?: string; problem?: string }> => pythonPackages('h2==4.4.1')

/** Runs `name` for `seconds` against a server of its own. */
export async function abuse(name: string, seconds = 1): Promise<Abused> {
  const { path } = await peer()
  const child = fork(join(__dirname, 'fixtures/abused.cjs'), [], {
    env: { ...process.env, NODE_ENV: 'production' },
    execArgv: ['--expose-gc', '--no-warnings'],
  })
  const numbers = async () => {
    child.send('numbers')
    const [message] = await once(child, 'message')
    return message as Numbers
  }
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    const [{ port }] = await once(child, 'message')
    const ask = () =>
      new Promise<number>((resolve, reject) => {
        const began = performance.now()
        get({ port, host: '127.0.0.1', agent }, (response) => {
          response
            .resume()
            .on('end', () =>
              response.statusCode === 200
                ? resolve(performance.now() - began)
                : reject(new Error(`status ${response.statusCode}`)),
            )
        }).on('error', reject)
      })
    for (let n = 0; n < 200; n++) await ask()
    const before = await numbers()
    const python = promisify(execFile)(
      'python3',
      [join(__dirname, 'peers/h2_abuse.py'), port, name, seconds].map(String),
      {
        env: { ...process.env, PYTHONPATH: path },
      },
    )
    let isOver = false
    const over = () => {
      isOver = true
    }
    python.then(over, over)
    const latencies: number[] = []
    while (!isOver) {
      latencies.push(await ask())
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const { sent, end } = JSON.parse((await python).stdout) as { sent: number; end: string }
    const peak = await numbers()
    let after = peak
    for (let n = 0; n < 100 && (after.connections > 1 || after.used > 0); n++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      after = await numbers()
    }
    latencies.sort((a, b) => a - b)
    return { sent, end, before, after, grown: peak.peak - before.rss, latencies }
  } finally {
    agent.destroy()
    child.kill('SIGKILL')
  }
}
