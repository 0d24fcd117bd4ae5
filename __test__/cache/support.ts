import { App, Cache, type CacheOptions, type HttpRequest, HttpResponse, type Server } from '@armature/core'
import { type TestServer, testServer } from '@armature/core/testing'
import { RawClient, type RawReply } from '../helper.js'

export type Fields = Record<string, string | string[]>

/** What the handler says next. */
export interface Answer {
  status?: number
  headers?: Fields
}

/** A handler behind a cache. Each answer says how many there have been; what else it says is scripted. */
export class Origin {
  /** Fields of the requests that the handler has seen. */
  readonly seen: Map<string, string>[] = []
  readonly script: Answer[] = []
  /** Awaited by each answer, in order. */
  readonly gates: Promise<unknown>[] = []

  async answer(req: HttpRequest): Promise<HttpResponse> {
    this.seen.push(new Map(req.headers))
    const body = `${this.seen.length}`
    const { status = 200, headers = {} } = this.script.shift() ?? {}
    await this.gates.shift()
    const response = HttpResponse.text(body).status(status)
    for (const [name, values] of Object.entries(headers)) {
      for (const value of [values].flat()) response.append(name, value)
    }
    return response
  }
}

export interface Cached extends AsyncDisposable {
  t: TestServer
  origin: Origin
}

/** Serves `origin` behind a cache, at every path that has no route of `more`. */
export async function serve(
  options: CacheOptions = {},
  more: (app: App) => unknown = () => {},
): Promise<Cached> {
  const origin = new Origin()
  const app = App.new().wrap(Cache.new(options))
  more(app)
  app.any('/', (req) => origin.answer(req)).any('/*rest', (req) => origin.answer(req))
  const t = await testServer(app)
  return { t, origin, [Symbol.asyncDispose]: () => t[Symbol.asyncDispose]() }
}

/** Asks exactly what is said: fetch() adds fields to what is conditional. */
export async function ask(
  t: { readonly server: Pick<Server, 'port'> },
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<RawReply> {
  await using client = await RawClient.to(t.server.port)
  const lines = Object.entries({ host: 'example.com', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  client.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  return await client.read(method === 'HEAD')
}

/** A promise, and what settles it. */
export function gate(): { promise: Promise<void>; open: () => void } {
  let open = () => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}
