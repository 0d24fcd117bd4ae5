import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { buffer } from 'node:stream/consumers'

/** An answer of HTTP/2. */
export interface H2Reply {
  status: number
  headers: IncomingHttpHeaders
  body: string
  bytes: Buffer
}

/** A session of HTTP/2 by prior knowledge, closed at the end of its block. */
export class Session implements AsyncDisposable {
  readonly session: ClientHttp2Session

  constructor({ url }: { readonly url: string }) {
    this.session = connect(url)
  }

  begin(path: string, headers: OutgoingHttpHeaders = {}, endStream = true): ClientHttp2Stream {
    const stream = this.session.request({ ':path': path, ...headers }, { endStream })
    stream.on('error', () => {})
    return stream
  }

  async ask(path: string, headers: OutgoingHttpHeaders = {}, body?: string | Buffer): Promise<H2Reply> {
    const stream = this.begin(path, headers, body === undefined)
    if (body !== undefined) stream.end(body)
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }]
    const bytes = await buffer(stream)
    return { status: head[':status'], headers: head, body: bytes.toString(), bytes }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy()
  }
}
