import { orAborted } from './aborted.js'
import { typeError } from './errors.js'
import type { InjectedRequest } from './inject-answer.js'
import { lifecycleOf } from './lifecycle.js'
import type { AnyScope } from './scope.js'

/** Options of `inject()`. */
export interface InjectOptions {
  /** Default: GET, or POST with a body. */
  method?: string | undefined
  /** Host defaults to `localhost`, the type of the body to what the body is. */
  headers?: Readonly<Record<string, string>> | Headers | readonly (readonly [string, string])[] | undefined
  /** Added to the query of the path. */
  query?: Readonly<Record<string, string | number | boolean>> | URLSearchParams | undefined
  /** A body of type `application/json`. */
  json?: unknown
  /** A body of any other kind. */
  body?: string | Uint8Array | ArrayBuffer | Blob | URLSearchParams | FormData | undefined
  /** The client's address. Default: `127.0.0.1`. */
  ip?: string | undefined
  /**
   * Gives the request up: `inject()` rejects with its reason, or the body fails with it, and for the handler the client
   * has left.
   */
  signal?: AbortSignal | undefined
}

/** @internal Sends a request through the whole native pipeline without a socket. */
export async function injectApp(app: AnyScope, path: string, options: InjectOptions = {}): Promise<Response> {
  options.signal?.throwIfAborted()
  const { request, body } = await describe(path, options)
  return lifecycleOf(app).inject(request, body, options.signal)
}

/** @internal Answers a web `Request`. */
export async function fetchApp(app: AnyScope, request: Request): Promise<Response> {
  const { signal } = request
  signal.throwIfAborted()
  const url = new URL(request.url)
  const body = request.body === null ? null : Buffer.from(await orAborted(request.arrayBuffer(), signal))
  const headers = new Headers(request.headers)
  if (!headers.has('host')) headers.set('host', url.host)
  const injected: InjectedRequest = {
    method: request.method,
    target: url.pathname + url.search,
    headers: [...headers],
    ip: '127.0.0.1',
    hasBody: body !== null,
    secure: url.protocol === 'https:',
  }
  return lifecycleOf(app).inject(injected, body, signal)
}

async function describe(
  path: string,
  options: InjectOptions,
): Promise<{ request: InjectedRequest; body: Buffer | null }> {
  if (typeof path !== 'string' || !(path.startsWith('/') || /^https?:\/\//.test(path))) {
    throw typeError('ARMATURE_OPTION_INVALID', {
      option: 'inject()',
      value: `'${String(path)}'`,
      allowed: "a path such as '/users', or a URL",
    })
  }
  const url = path.startsWith('/') ? null : new URL(path)
  const headers = new Headers(options.headers as ConstructorParameters<typeof Headers>[0])
  if (!headers.has('host')) headers.set('host', url?.host ?? 'localhost')
  const body = await encode(options, headers)
  if (body !== null && !headers.has('content-length')) headers.set('content-length', String(body.length))
  const target = url === null ? path : url.pathname + url.search
  return {
    request: {
      method: options.method ?? (body === null ? 'GET' : 'POST'),
      target: withQuery(target.split('#', 1)[0] as string, options.query),
      headers: [...headers],
      ip: options.ip ?? '127.0.0.1',
      hasBody: body !== null,
      secure: url?.protocol === 'https:',
    },
    body,
  }
}

async function encode(options: InjectOptions, headers: Headers): Promise<Buffer | null> {
  if (options.json !== undefined) {
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return Buffer.from(JSON.stringify(options.json))
  }
  if (options.body === undefined) return null
  // The runtime knows how every kind of body is encoded, and which type that makes.
  const encoded = new Response(options.body as ConstructorParameters<typeof Response>[0])
  const type = encoded.headers.get('content-type')
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type)
  return Buffer.from(await encoded.arrayBuffer())
}

function withQuery(target: string, query: InjectOptions['query']): string {
  if (query === undefined) return target
  const params = new URLSearchParams()
  const entries = query instanceof URLSearchParams ? query : Object.entries(query)
  for (const [name, value] of entries) params.append(name, String(value))
  const text = params.toString()
  if (text === '') return target
  return `${target}${target.includes('?') ? '&' : '?'}${text}`
}
