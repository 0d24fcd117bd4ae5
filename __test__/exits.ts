// Processes that end at any moment, while they serve.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const script = join(__dirname, 'fixtures/workers/exits.cjs')
const paths = ['/', '/later', '/stream', '/echo']
const text = 'x'.repeat(100_000)

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
      const init = path === '/echo' ? { method: 'POST', body: text } : {}
      try {
        await (await fetch(url + path, init)).arrayBuffer()
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
