import type {
  AbortReason,
  BodyControl,
  BodySink,
  RequestSource,
  ResponseSink,
  SinkListener,
} from '../../src/bridge/types.js'
import type { CompiledHandler, ScopeRuntime } from '../../src/plan.js'
import { HttpRequest } from '../../src/request.js'

export interface FakeRequest {
  method?: string
  path?: string
  search?: string
  protocol?: RequestSource['protocol']
  secure?: boolean
  host?: string
  id?: string
  pattern?: string
  params?: Record<string, string>
  scope?: ScopeRuntime
  headers?: [string, string][]
  /** The whole body, arrived with the head; or pieces that arrive as credit allows; or nothing. */
  body?: Buffer | string | FakeBody
  bodyLimit?: number
  /** Overrides what the body says. */
  contentLength?: number
}

export const emptyScope: ScopeRuntime = { parent: null, data: new Map(), onError: [] }

/** A request in memory: what the bridge does over the record that Rust wrote. */
export class FakeSource implements RequestSource {
  readonly handler: CompiledHandler
  readonly method: string
  readonly path: string
  readonly search: string
  readonly protocol: RequestSource['protocol']
  readonly secure: boolean
  readonly host: string
  readonly ip = '203.0.113.9'
  readonly remoteAddress = '10.0.0.1'
  readonly remotePort = 4711
  readonly id: string
  readonly hasBody: boolean
  readonly contentLength: number | undefined
  readonly bodyLimit: number
  readonly bodyWindow = 64 * 1024
  readonly reads: string[] = []
  #params: string[]
  #headers: [string, string][]
  #arrived: Buffer | undefined
  #rest: FakeBody | undefined
  #aborted: AbortReason | undefined
  #listener: ((reason: AbortReason) => void) | undefined

  constructor(request: FakeRequest = {}) {
    const params = request.params ?? {}
    this.handler = {
      pattern: request.pattern ?? '/users/:id',
      paramNames: Object.keys(params),
      run: () => undefined,
      scope: request.scope ?? emptyScope,
    }
    this.#params = Object.values(params)
    this.#headers = request.headers ?? []
    this.method = request.method ?? 'GET'
    this.path = request.path ?? '/users/1'
    this.search = request.search ?? ''
    this.protocol = request.protocol ?? 'HTTP/1.1'
    this.secure = request.secure ?? false
    this.host = request.host ?? 'example.com'
    this.id = request.id ?? 'req-1'
    this.bodyLimit = request.bodyLimit ?? 1024 * 1024
    const { body } = request
    this.hasBody = body !== undefined
    if (body instanceof FakeBody) this.#rest = body
    else if (body !== undefined) this.#arrived = Buffer.from(body)
    this.contentLength = request.contentLength ?? this.#arrived?.length
  }

  param(index: number): string {
    return this.#params[index] as string
  }

  header(name: string): string | undefined {
    this.reads.push(name)
    const values = this.#headers.filter(([other]) => other === name).map(([, value]) => value)
    return values.length === 0 ? undefined : values.join(name === 'cookie' ? '; ' : ', ')
  }

  get headerCount(): number {
    return this.#headers.length
  }

  headerName(index: number): string {
    return (this.#headers[index] as [string, string])[0]
  }

  headerValue(index: number): string {
    return (this.#headers[index] as [string, string])[1]
  }

  takeBody(): Buffer | undefined {
    const body = this.#arrived
    this.#arrived = undefined
    return body
  }

  openBody(sink: BodySink): BodyControl {
    if (this.#rest === undefined) throw new Error('there is nothing more to read')
    return this.#rest.open(sink)
  }

  onAbort(listener: (reason: AbortReason) => void): void {
    if (this.#listener !== undefined) throw new Error('one listener only')
    this.#listener = listener
    if (this.#aborted !== undefined) listener(this.#aborted)
  }

  abort(reason: AbortReason): void {
    this.#aborted = reason
    this.#listener?.(reason)
  }
}

/** A body that arrives in pieces, never more than was granted. */
export class FakeBody {
  granted = 0
  delivered = 0
  cancelled = false
  /** Most bytes that were delivered and not yet paid for again. */
  opened = 0
  #sink: BodySink | undefined
  #pieces: Buffer[]
  #finish: 'end' | 'open' | { error: string }

  constructor(pieces: (Buffer | string)[], finish: 'end' | 'open' | { error: string } = 'end') {
    this.#pieces = pieces.map((piece) => Buffer.from(piece))
    this.#finish = finish
  }

  open(sink: BodySink): BodyControl {
    this.opened++
    if (this.opened > 1) throw new Error('a body is opened once')
    this.#sink = sink
    return {
      grant: (bytes) => {
        this.granted += bytes
        queueMicrotask(() => this.#deliver())
      },
      cancel: () => {
        this.cancelled = true
      },
    }
  }

  push(piece: string): void {
    this.#pieces.push(Buffer.from(piece))
    this.#deliver()
  }

  finish(how: 'end' | { error: string } = 'end'): void {
    this.#finish = how
    this.#deliver()
  }

  #deliver(): void {
    while (!this.cancelled && this.#pieces.length > 0) {
      const room = this.granted - this.delivered
      const piece = this.#pieces[0] as Buffer
      if (room === 0) return
      if (piece.length > room) {
        this.#pieces[0] = piece.subarray(room)
        this.delivered += room
        this.#sink?.chunk(Buffer.from(piece.subarray(0, room)))
      } else {
        this.#pieces.shift()
        this.delivered += piece.length
        this.#sink?.chunk(Buffer.from(piece))
      }
    }
    if (this.cancelled || this.#finish === 'open') return
    const finish = this.#finish
    this.#finish = 'open'
    if (finish === 'end') this.#sink?.end()
    else this.#sink?.error(finish.error)
  }
}

export function fakeRequest(request: FakeRequest = {}, secrets: readonly string[] = []): HttpRequest {
  return new HttpRequest(new FakeSource(request), secrets)
}

/** Collects a response body; says it is full once `capacity` bytes wait, until `drain()`. */
export class FakeSink implements ResponseSink {
  readonly chunks: (string | Uint8Array)[] = []
  state: 'open' | 'ended' | 'failed' | 'closed' = 'open'
  bufferedAmount = 0
  writesWhileFull = 0
  #full = false
  #capacity: number
  #listener: SinkListener | undefined
  #over = () => {}
  /** Nothing follows any more. */
  readonly over = new Promise<void>((resolve) => {
    this.#over = resolve
  })

  constructor(capacity = Number.POSITIVE_INFINITY) {
    this.#capacity = capacity
  }

  write(chunk: string | Uint8Array): boolean {
    if (this.state !== 'open') throw new Error(`write on a sink that is ${this.state}`)
    if (this.#full) this.writesWhileFull++
    this.chunks.push(chunk)
    this.bufferedAmount += chunk.length
    this.#full = this.bufferedAmount >= this.#capacity
    return !this.#full
  }

  end(): void {
    if (this.state !== 'open') throw new Error(`end on a sink that is ${this.state}`)
    this.state = 'ended'
    this.#over()
  }

  fail(): void {
    if (this.state !== 'open') throw new Error(`fail on a sink that is ${this.state}`)
    this.state = 'failed'
    this.#over()
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    if (this.state === 'closed') listener.closed()
  }

  drain(): void {
    this.bufferedAmount = 0
    this.#full = false
    this.#listener?.drained()
  }

  /** The client leaves. */
  close(): void {
    this.state = 'closed'
    this.#listener?.closed()
    this.#over()
  }

  get text(): string {
    return Buffer.concat(this.chunks.map((chunk) => Buffer.from(chunk as Uint8Array))).toString()
  }
}

/** Lets everything that is ready run: microtasks and one round of the event loop. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}

/** What `promise` rejects with. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; status?: number }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not reject')
}

/** What `call` throws. */
export function thrown(call: () => unknown): Error & { code?: string; status?: number } {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not throw')
}
