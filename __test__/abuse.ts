// One case of abuse over raw frames or sockets, beside a client that behaves.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const cases = [
  'rapid_reset',
  'continuation_flood',
  'empty_continuations',
  'empty_data',
  'settings_flood',
  'ping_flood',
  'unread_pings',
  'zero_window',
  'zero_window_large',
  'unread_large',
  'http1_unread',
  'hpack_bomb',
  'window_updates',
] as const

interface Numbers {
  rss: number
  /** The most that it ever was. */
  peak: number
  floods: number
  /** Answers given up because of `limits.unsent`. */
  givenUp: number
  unsentBytes: number
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
  /** Of the other client's requests from the beginning of the attack to its end, in milliseconds, sorted. */
  latencies: number[]
}

/** What one in a hundred is above. */
export const p99 = (sorted: number[]): number => sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Infinity

/** Runs `name` for `seconds` against a server of its own. `python`: the variables with which python3 finds `h2`. */
export async function abuse(name: string, python: { PYTHONPATH: string }, seconds = 1): Promise<Abused> {
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
    const peer = spawn('python3', [join(__dirname, 'peers/h2_abuse.py'), port, name, seconds].map(String), {
      env: { ...process.env, ...python },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let isOver = false
    const lines: string[] = []
    const reader = createInterface(peer.stdout).on('line', (line) => lines.push(line))
    reader.on('close', () => {
      isOver = true
    })
    while (lines.length === 0 && !isOver) await new Promise((resolve) => setTimeout(resolve, 1))
    const latencies: number[] = []
    while (!isOver) {
      latencies.push(await ask())
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const { sent, end } = JSON.parse(lines.at(-1) ?? '') as { sent: number; end: string }
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
