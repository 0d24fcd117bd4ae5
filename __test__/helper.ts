import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'vitest'

/**
 * Whether the tests run with IO on the JavaScript thread. Tests that need answers while that thread is blocked skip
 * themselves: nobody else is there to give them.
 */
export const isInline = process.env.ARMATURE_IO === 'inline'

/** A response as it came over a socket. */
export interface RawReply {
  status: number
  headers: Record<string, string>
  body: string
}

/** One raw connection: what fetch() would correct or hide can be sent and seen here. */
export class RawClient implements AsyncDisposable {
  readonly socket: Socket
  #buffer = Buffer.alloc(0)
  #ended = false
  #error: Error | undefined
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk])
      this.#wake()
    })
    socket.on('end', () => this.#end())
    socket.on('close', () => this.#end())
    socket.on('error', (error) => {
      this.#error = error
      this.#end()
    })
  }

  static to(port: number): Promise<RawClient> {
    return RawClient.at({ port, host: '127.0.0.1' })
  }

  /** A host and port, or the path of a Unix socket. */
  static async at(place: { host: string; port: number } | { path: string }): Promise<RawClient> {
    const socket = connect({ ...place, allowHalfOpen: true })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  send(data: string | Buffer): void {
    this.socket.write(data)
  }

  get(path: string, headers = ''): Promise<RawReply> {
    this.send(`GET ${path} HTTP/1.1\r\nhost: test\r\n${headers}\r\n`)
    return this.read()
  }

  /** The next response, that to a HEAD without content; rejects when the connection ends first. */
  async read(isHead = false): Promise<RawReply> {
    const head = await this.#until((bytes) => {
      const end = bytes.indexOf('\r\n\r\n')
      return end < 0 ? undefined : end + 4
    })
    const [statusLine = '', ...lines] = head.toString('latin1').trimEnd().split('\r\n')
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
    }
    const status = Number(statusLine.split(' ')[1])
    let body = ''
    if (isHead) return { status, headers, body }
    if (headers['transfer-encoding'] === 'chunked') body = await this.#chunks()
    else if (headers['content-length'] !== undefined && status !== 304) {
      const length = Number(headers['content-length'])
      body = (await this.#until((bytes) => (bytes.length >= length ? length : undefined))).toString()
    }
    return { status, headers, body }
  }

  /** Resolves when the server has closed the connection; `'reset'` when it did so with RST. */
  async closed(): Promise<'end' | 'reset'> {
    while (!this.#ended) await this.#next()
    return this.#error === undefined ? 'end' : 'reset'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
  }

  async #chunks(): Promise<string> {
    const parts: Buffer[] = []
    for (;;) {
      const line = await this.#until((bytes) => {
        const end = bytes.indexOf('\r\n')
        return end < 0 ? undefined : end + 2
      })
      const size = Number.parseInt(line.toString(), 16)
      const piece = await this.#until((bytes) => (bytes.length >= size + 2 ? size + 2 : undefined))
      if (size === 0) return Buffer.concat(parts).toString()
      parts.push(piece.subarray(0, size))
    }
  }

  async #until(end: (bytes: Buffer) => number | undefined): Promise<Buffer> {
    for (;;) {
      const at = end(this.#buffer)
      if (at !== undefined) {
        const taken = this.#buffer.subarray(0, at)
        this.#buffer = this.#buffer.subarray(at)
        return taken
      }
      if (this.#ended)
        throw this.#error ?? new Error(`the connection ended after ${this.#buffer.length} bytes`)
      await this.#next()
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #end(): void {
    this.#ended = true
    this.#wake()
  }
}

// Debian has haproxy where only root looks.
process.env.PATH = `${process.env.PATH}:/usr/sbin`

/** Skips where `tool` is missing, except in CI, which has everything. */
export function needsTool(context: TestContext, tool: string, ...args: string[]): void {
  const { error } = spawnSync(tool, args)
  if (error !== undefined && process.env.CI !== undefined) throw error
  context.skip(error !== undefined, `${tool} is missing`)
}

/** Waits until `condition` holds; for what another thread does. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`${what} did not come true`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
