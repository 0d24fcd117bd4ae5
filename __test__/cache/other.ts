// Another process whose answers are stored, and what becomes of it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { CacheOptions, CacheStats } from '@armature/core'
import { ask } from './support.js'

export class Other implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly server = { port: 0 }
  /** What it has said of itself. */
  log = ''

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** `wrapper` runs the command that it gets as its last arguments, in its own place. */
  static async start(cache: CacheOptions, wrapper: readonly string[] = []): Promise<Other> {
    const server = [
      process.execPath,
      join(import.meta.dirname, '../fixtures/cached.cjs'),
      JSON.stringify(cache),
    ]
    const [command, ...args] = [...wrapper, ...server] as [string, ...string[]]
    const child = spawn(command, args, {
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    const other = new Other(child)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      other.log += text
    })
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`it ended with ${code}: ${other.log}`)
    })
    const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }]
    ended.catch(() => {})
    other.server.port = port
    return other
  }

  async get(path: string): Promise<string> {
    return (await ask(this, `/made/${path}`)).body
  }

  async stats(): Promise<CacheStats> {
    return JSON.parse((await ask(this, '/stats')).body) as CacheStats
  }

  /** Polls its numbers. */
  async until(is: (stats: CacheStats['disk']) => boolean, what: string): Promise<void> {
    for (const end = Date.now() + 10_000; ; ) {
      const { disk } = await this.stats()
      if (is(disk)) return
      if (Date.now() > end) throw new Error(`not in time: ${what}; the last was ${JSON.stringify(disk)}`)
    }
  }

  /** Has it call `process.exit()`. */
  async exit(): Promise<void> {
    // A child whose channel is closed from here ends without 'close'.
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await ended
  }
}
