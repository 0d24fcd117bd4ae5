import type { Reopening } from '../bridge/sockets.js'
import { isBranded, nameOf, typeError } from '../errors.js'
import type { WebSocketOptions } from '../generated/config.js'
import { isToken } from '../headers.js'
import { isThenable, isWebResponse } from '../payload.js'
import type { HttpRequest } from '../request.js'
import { HttpResponse, isHttpResponse } from '../response.js'
import { SocketRunner } from './events.js'
import { Socket } from './socket.js'
import { readState } from './state.js'

const SOCKET_ROUTE: unique symbol = Symbol.for('armature.socket-route')

/** The `data` of a socket: what `upgrade` returns, unless that refuses. */
export type SocketData<U> = Exclude<Awaited<U>, HttpResponse | Response>

/**
 * Handlers and options of a WebSocket route. `P` are the path parameters, `L` the locals that `upgrade` needs, `U` is what
 * `upgrade` returns, `M` what `message` gets.
 */
export interface WebSocketHandlers<
  in P extends object,
  in L extends object,
  U = undefined,
  M = string | Buffer,
> extends WebSocketOptions {
  /**
   * Answers the request, inside the middleware around the route. What it returns is the `data` of the socket; an
   * `HttpResponse`, a web `Response`, or an error that is thrown, refuses. Default: every request is accepted.
   */
  upgrade?: ((req: HttpRequest<P, L>) => U) | undefined
  /** The socket is open. */
  open?: ((socket: Socket<SocketData<U>, P>) => unknown) | undefined
  /**
   * Turns a message into what `message` gets. One that it throws for closes the socket with 1007. Default: text is a string,
   * binary a Buffer.
   */
  parse?: ((data: string | Buffer, isBinary: boolean) => M) | undefined
  /**
   * Another thread had the socket, which ended or has old code since `server.reload()`: this one has it from now on, with its
   * `data`, parameters and topics. Without this handler such a socket is closed with 1012. See `socket.save()`.
   */
  reopen?: ((socket: Socket<SocketData<U>, P>) => unknown) | undefined
  /**
   * A message has come. While its promises are pending, `limits.receiveBuffer` bounds how much more is read.
   */
  message?: ((socket: Socket<SocketData<U>, P>, data: M, isBinary: boolean) => unknown) | undefined
  /** `send()` has reported `false`, and may be called again. */
  drain?: ((socket: Socket<SocketData<U>, P>) => unknown) | undefined
  /** The socket is over. `code` is that of the client, 1005 when it gave none, 1006 when it left without a word. */
  close?: ((socket: Socket<SocketData<U>, P>, code: number, reason: string) => unknown) | undefined
  /** Subprotocols, the preferred one first: of these the client gets the first that it offers. Default: none. */
  protocols?: readonly string[] | undefined
}

/** @internal Handlers as they are stored: what they need was checked where they were declared. */
export interface AnyHandlers {
  readonly upgrade?: (req: HttpRequest) => unknown
  readonly open?: (socket: Socket) => unknown
  readonly reopen?: (socket: Socket) => unknown
  readonly parse?: (data: string | Buffer, isBinary: boolean) => unknown
  readonly message?: (socket: Socket, data: unknown, isBinary: boolean) => unknown
  readonly drain?: (socket: Socket) => unknown
  readonly close?: (socket: Socket, code: number, reason: string) => unknown
}

const HANDLERS = ['upgrade', 'open', 'reopen', 'parse', 'message', 'drain', 'close'] as const

/** @internal What answers the requests of a WebSocket route. */
export class SocketRoute {
  readonly [SOCKET_ROUTE] = true
  readonly name = 'ws'
  /** Those that Rust reads. */
  readonly options: Record<string, unknown>
  readonly #handlers: AnyHandlers
  readonly #protocols: readonly string[]
  readonly #slow: 'close' | 'skip'

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  constructor(given: object) {
    const handlers: Record<string, unknown> = {}
    const options: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(given)) {
      if (value === undefined) continue
      if ((HANDLERS as readonly string[]).includes(name)) handlers[name] = checkFunction(name, value)
      else if (name !== 'protocols') options[name] = value
    }
    this.#handlers = handlers
    this.options = options
    this.#protocols = checkProtocols((given as { protocols?: unknown }).protocols)
    this.#slow = options.slow === 'skip' ? 'skip' : 'close'
  }

  /** The handler inside the middleware: the answer that becomes a socket, or the refusal. */
  readonly run = (req: HttpRequest): unknown => {
    const value = this.#handlers.upgrade?.(req)
    if (typeof value === 'object' && value !== null && isThenable(value)) {
      return Promise.resolve(value).then((data) => this.#answer(req, data))
    }
    return this.#answer(req, value)
  }

  /** Whether sockets outlive the thread of their handlers. */
  get reopens(): boolean {
    return this.#handlers.reopen !== undefined
  }

  /** A socket that another thread had; `undefined` when what it left cannot be read. */
  revive({ state, names, isFresh }: Reopening): SocketRunner | undefined {
    const init = readState(state)
    if (init === undefined) return undefined
    const socket = new Socket({ ...init, slow: this.#slow })
    socket._subscribed(names)
    return new SocketRunner(socket, this.#handlers, isFresh ? 'open' : 'reopen')
  }

  #answer(req: HttpRequest, data: unknown): unknown {
    if (isHttpResponse(data)) return data
    if (typeof data === 'object' && data !== null && isWebResponse(data)) return data
    const protocol = this.#choose(req.header('sec-websocket-protocol'))
    const { id, params, route } = req
    const socket = new Socket({ data, params, id, route, protocol, slow: this.#slow })
    const response = HttpResponse._socket(new SocketRunner(socket, this.#handlers))
    return protocol === '' ? response : response.header('sec-websocket-protocol', protocol)
  }

  #choose(offered: string | undefined): string {
    if (offered === undefined || this.#protocols.length === 0) return ''
    const names = offered.split(',').map((name) => name.trim())
    return this.#protocols.find((name) => names.includes(name)) ?? ''
  }
}

/** @internal Also true for what another copy of this package made. */
export function isSocketRoute(value: unknown): value is SocketRoute {
  return isBranded(value, SOCKET_ROUTE)
}

/** @internal @throws TypeError `ARMATURE_OPTION_INVALID` */
export function socketRoute(where: string, handlers: unknown): SocketRoute {
  if (typeof handlers === 'object' && handlers !== null) return new SocketRoute(handlers)
  const allowed = 'an object such as { message(socket, data) {} }'
  throw typeError('ARMATURE_OPTION_INVALID', { option: where, value: nameOf(handlers), allowed })
}

function checkFunction(name: string, value: unknown): unknown {
  if (typeof value === 'function') return value
  throw typeError('ARMATURE_OPTION_INVALID', {
    option: `ws().${name}`,
    value: nameOf(value),
    allowed: 'a function',
  })
}

function checkProtocols(value: unknown): readonly string[] {
  if (value === undefined) return []
  const list = Array.isArray(value) ? (value as unknown[]) : null
  if (list?.every((name): name is string => typeof name === 'string' && isToken(name))) return [...list]
  const allowed = "a list of subprotocols such as ['chat.v2', 'chat.v1']"
  const wrong = list?.find((name) => typeof name !== 'string' || !isToken(name))
  const shown = list === null ? nameOf(value) : typeof wrong === 'string' ? `'${wrong}'` : nameOf(wrong)
  throw typeError('ARMATURE_OPTION_INVALID', { option: 'ws().protocols', value: shown, allowed })
}
