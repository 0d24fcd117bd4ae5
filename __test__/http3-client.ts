// The client of aioquic as a process that keeps one connection.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { TestContext } from 'vitest'
import { needsPython } from './python.js'

export interface Asked {
  path: string
  method?: string
  headers?: [string, string][]
  body?: string
  times?: number
  /** Bodies are in base64, both ways. */
  binary?: boolean
}

export interface Answer {
  headers: Record<string, string>
  body: string
  trailers: Record<string, string>[]
  reset?: number
}

export interface Http3Target {
  /** File of the certificate of the authority. */
  ca: string
  port: number
  host?: string
  /** Files of the client's own certificate. */
  cert?: string
  key?: string
}

/** The variables with which python3 finds aioquic. */
export const aioquic = (context: TestContext) => needsPython(context, 'aioquic==1.7.2')

export const script = join(import.meta.dirname, 'fixtures/http3-client.py')

/** One connection of HTTP/3. */
export class Http3Session implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  /** Of the certificate that the server showed, in capital hexadecimal digits. */
  readonly serial: string

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, serial: string) {
    this.#child = child
    this.#lines = lines
    this.serial = serial
  }

  /** Rejects when the handshake does. */
  static async to(context: TestContext, target: Http3Target): Promise<Http3Session> {
    const env = { ...process.env, ...aioquic(context) }
    const child = spawn('python3', [script, JSON.stringify(target)], {
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const lines = (createInterface(child.stdout as NodeJS.ReadableStream) as Interface)[
      Symbol.asyncIterator
    ]()
    const first = await lines.next()
    if (first.done) throw new Error('the client could not connect')
    return new Http3Session(child, lines, (JSON.parse(first.value) as { serial: string }).serial)
  }

  async ask(request: Asked): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
    const line = await this.#lines.next()
    if (line.done) throw new Error('the connection is over')
    return JSON.parse(line.value) as Answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin?.end()
    await ended
  }
}
