import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

interface Answer {
  id?: number
  sessionId?: string
  result?: Record<string, unknown>
  error?: { message: string }
}

/** Chromium without a window, driven over its DevTools protocol. */
export class Browser implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #profile: string
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #last = 0

  private constructor(process: ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process
    this.#profile = profile
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer
      if (answer.id === undefined) return
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  static async start(): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'armature-browser-'))
    const options = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
    const child = spawn('chromium', [
      ...options,
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ])
    const failed = once(child, 'exit').then(() => {
      throw new Error('chromium has ended')
    })
    const url = await Promise.race([Browser.#urlOf(child), failed])
    failed.catch(() => {})
    const socket = new WebSocket(url, { perMessageDeflate: false })
    await once(socket, 'open')
    return new Browser(child, profile, socket)
  }

  static async #urlOf(child: ChildProcess): Promise<string> {
    for await (const line of createInterface({ input: child.stderr as NodeJS.ReadableStream })) {
      const url = /DevTools listening on (ws:\S+)/.exec(line)?.[1]
      if (url !== undefined) return url
    }
    throw new Error('chromium does not say where it listens')
  }

  /** A new page, once it is loaded or on its way. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    return new Page(this, sessionId as string)
  }

  async send(
    method: string,
    params: Record<string, unknown>,
    sessionId?: string,
  ): Promise<Record<string, unknown>> {
    const id = ++this.#last
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }))
    const { result, error } = await answered
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result ?? {}
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#process.exitCode === null ? once(this.#process, 'exit') : undefined
    this.#socket.terminate()
    this.#process.kill('SIGKILL')
    await ended
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** A page in a {@link Browser}. */
export class Page {
  readonly #browser: Browser
  readonly #session: string

  constructor(browser: Browser, session: string) {
    this.#browser = browser
    this.#session = session
  }

  /** Runs JavaScript in the page; resolves with its value. */
  async run(expression: string): Promise<unknown> {
    const answer = await this.#browser.send(
      'Runtime.evaluate',
      { expression, awaitPromise: true, returnByValue: true },
      this.#session,
    )
    const { result, exceptionDetails } = answer as {
      result?: { value?: unknown }
      exceptionDetails?: unknown
    }
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return result?.value
  }

  /** Waits until `condition` is true in the page. */
  async until(condition: string): Promise<void> {
    const patience = performance.now() + 15_000
    while (performance.now() < patience) {
      // While the page is loading there is nothing to look at.
      const isTrue = await this.run(
        `(() => { try { return Boolean(${condition}) } catch { return false } })()`,
      )
      if (isTrue === true) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const text = await this.run('document.body?.innerText')
    throw new Error(`the page never had ${condition}; it shows: ${String(text)}`)
  }
}
