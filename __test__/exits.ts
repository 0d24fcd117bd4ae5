// Processes that end at any moment, while they serve.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'

const script = join(__dirname, 'fixtures/workers/exits.cjs')
const paths = ['/', '/later', '/stream', '/echo']
const text = 'x'.repeat(100_000)

/** On a connection of its own: with a loop in each thread every one of them gets some. */
async function ask(url: string, method: string): Promise<void> {
  const req = request(url, { method, agent: false })
  // Besides what is waited for: the rest of a request whose server has gone.
  req.on('error', () => {})
  req.end(method === 'POST' ? text : undefined)
  const [response] = (await once(req, 'response')) as [IncomingMessage]
  for await (const _ of response);
}

export interface Exit {
  who: 'primary' | 'worker'
  /** Milliseconds of load before it. */
  after: number
  io: number | 'inline'
}

/** What a process said, and how it ended: `code` is a signal's name when it was killed. */
export interface Exited {
  code: number | string | null
  output: string
  /** Answers to requests. */
  answered: number
}

/**
 * Runs a server that ends as `exit` says, under load from this process. A worker that ends is replaced, so that its process ends
 * by SIGTERM, when there have been answers again.
 */
export async function runExit(exit: Exit): Promise<Exited> {
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, NODE_ENV: 'production', EXIT: JSON.stringify(exit) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('close', (code, signal) => resolve(code ?? signal)),
  )
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => resolve(chunk.trim()))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
    void ended.then((code) => reject(new Error(`it did not start: ${code}\n${output}`)))
  })
  let answered = 0
  let isAsked = false
  const hasReplaced = () => exit.who === 'worker' && output.includes('it is started again')
  const client = async (n: number) => {
    for (let m = n; !isOver; m++) {
      const path = paths[m % paths.length] as string
      try {
        await ask(url + path, path === '/echo' ? 'POST' : 'GET')
        answered++
        if (!isAsked && hasReplaced()) isAsked = child.kill('SIGTERM')
      } catch {
        // Its thread has gone, or all have.
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
  await Promise.all(Array.from({ length: 8 }, (_, n) => client(n)))
  clearTimeout(timer)
  return { code: await ended, output, answered }
}
