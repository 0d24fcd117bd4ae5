// Redis as a process, on loopback, which can be killed, started again and made to hang.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeEach } from 'vitest'
import { needsTool } from './helper.js'
import { freePort } from './pebble.js'

export class RedisServer implements AsyncDisposable {
  port = 0
  #child: ChildProcess | undefined

  readonly #options: string[]

  private constructor(options: string[]) {
    this.#options = options
  }

  /** With further `options` of the command line. */
  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(options)
    await server.#start()
    return server
  }

  /** One for all tests of the file that calls it; they need it. */
  static ofFile(): RedisServer {
    const server = new RedisServer([])
    beforeEach(async (context) => {
      needsTool(context, 'redis-server', '--version')
      if (server.port === 0) await server.#start()
    })
    afterAll(() => server[Symbol.asyncDispose]())
    return server
  }

  async #start(): Promise<void> {
    this.port = await freePort()
    await this.restart()
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async restart(): Promise<void> {
    await this.kill()
    const options = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    this.#child = spawn('redis-server', [...options, ...this.#options], { stdio: 'ignore' })
    for (let tries = 0; !(await this.#answers()); tries++) {
      if (tries === 500) throw new Error('redis-server does not answer')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
  }

  /** It accepts connections, and says nothing, until `goOn()`. */
  hang(): void {
    this.#child?.kill('SIGSTOP')
  }

  goOn(): void {
    this.#child?.kill('SIGCONT')
  }

  /** What redis-cli prints. */
  ask(...command: string[]): string {
    const { stdout, error } = spawnSync('redis-cli', ['-p', String(this.port), ...command], {
      encoding: 'utf8',
    })
    if (error !== undefined) throw error
    return stdout.trimEnd()
  }

  /** How many times it has run `command`. */
  calls(command: string): number {
    const line = this.ask('info', 'commandstats').match(new RegExp(`cmdstat_${command}:calls=(\\d+)`))
    return Number(line?.[1] ?? 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  async #answers(): Promise<boolean> {
    const socket = connect(this.port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      socket.write('PING\r\n')
      const [answer] = await once(socket, 'data')
      return String(answer).startsWith('+PONG')
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  }
}
