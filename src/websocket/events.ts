import type { Message, SocketEvents, SocketLink } from '../bridge/socket-link.js'
import { logSocketFailure } from '../log/unhandled.js'
import { isThenable } from '../payload.js'
import type { AnyHandlers } from './route.js'
import type { Socket } from './socket.js'

/** From the bridge to the handlers of a socket. What they throw closes the socket and is logged; it never gets out of here. */
export class SocketRunner implements SocketEvents {
  readonly #socket: Socket
  readonly #handlers: AnyHandlers
  readonly #opening: 'open' | 'reopen'

  /** `opening` is the handler that hears of the socket first. */
  constructor(socket: Socket, handlers: AnyHandlers, opening: 'open' | 'reopen' = 'open') {
    this.#socket = socket
    this.#handlers = handlers
    this.#opening = opening
  }

  open(link: SocketLink): void {
    this.#socket._opened(link)
    this.#run(this.#opening, () => this.#handlers[this.#opening]?.(this.#socket))
  }

  left(): void {
    this.#socket._closed()
  }

  state(): Uint8Array | null {
    return this.#handlers.reopen === undefined ? null : this.#socket._state()
  }

  message({ data, isBinary, done }: Message): void {
    const { parse, message } = this.#handlers
    let parsed: unknown = data
    if (parse !== undefined) {
      try {
        parsed = parse(data, isBinary)
      } catch {
        // Whatever the client sent, it is not what was agreed on.
        this.#socket.close(1007, 'the message cannot be read')
        done()
        return
      }
    }
    this.#run('message', () => message?.(this.#socket, parsed, isBinary), done)
  }

  drain(): void {
    this.#run('drain', () => this.#handlers.drain?.(this.#socket))
  }

  closed({ code, reason }: { code: number; reason: string }): void {
    this.#socket._closed()
    this.#run('close', () => this.#handlers.close?.(this.#socket, code, reason))
  }

  #run(what: string, call: () => unknown, done: () => void = nothing): void {
    let result: unknown
    try {
      result = call()
      if (typeof result === 'object' && result !== null && isThenable(result)) {
        Promise.resolve(result)
          .catch((error) => this.#failed(what, error))
          .then(done)
        return
      }
    } catch (error) {
      this.#failed(what, error)
    }
    done()
  }

  #failed(what: string, error: unknown): void {
    const { id, _name: route } = this.#socket
    logSocketFailure(error, route, what, id)
    this.#socket._failed()
  }
}

function nothing(): void {}
