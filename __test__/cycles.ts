import { fork } from 'node:child_process'
import { join } from 'node:path'

/** What a process has done that starts and ends workers. */
export interface Cycles {
  code: unknown
  /** Those that are done. */
  done: number
  output: string
  /** Resident memory in bytes, now and then. */
  rss: number[]
}

/** Starts a process that starts and ends `cycles` servers with a worker, and waits for its end. */
export async function runCycles(cycles: number): Promise<Cycles> {
  const child = fork(join(__dirname, 'fixtures/workers/cycles.cjs'), [], {
    env: { ...process.env, CYCLES: String(cycles), NODE_ENV: 'production' },
    execArgv: ['--no-warnings'],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const result: Cycles = { code: undefined, done: 0, output: '', rss: [] }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      result.output += chunk
    })
  }
  child.on('message', (message: { cycles: number; rss: number }) => {
    result.done = message.cycles
    result.rss.push(message.rss)
  })
  result.code = await new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)))
  return result
}
