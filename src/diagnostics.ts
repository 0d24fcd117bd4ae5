import { AsyncResource } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import type { AbortReason } from './bridge/types.js'
import type { HttpRequest } from './request.js'

/**
 * The message of the channel `armature:request:start`: JavaScript begins with a request. The same object stands in the
 * other messages about it. Stores that are bound to the channel hold for the request.
 */
export interface RequestStartMessage {
  /** The request, as its handler has it. */
  readonly request: HttpRequest
}

/** The message of the channel `armature:request:finish`: JavaScript has no more to say. Once for each start. */
export interface RequestFinishMessage {
  /** The request of the start. */
  readonly request: HttpRequest
  /** Of the answer; `undefined` when it was given up before it had one. */
  readonly status: number | undefined
  /**
   * Why nobody waited for the end of the answer: the client left, `timeouts.handler` passed, or the server stopped.
   * `undefined` when it is complete.
   */
  readonly aborted: 'client-gone' | 'deadline' | 'shutdown' | undefined
}

/**
 * The message of the channel `armature:request:error`: something was thrown that no middleware and no handler caught,
 * whatever `onError` makes of it, or a body failed.
 */
export interface RequestErrorMessage {
  /** The request of the start. */
  readonly request: HttpRequest
  /** What was thrown, before any `onError` has seen it. */
  readonly error: unknown
}

const start = channel('armature:request:start')
const finish = channel('armature:request:finish')
const failure = channel('armature:request:error')

/** @internal Whether the beginning or the end of requests interests anybody. */
export function isObserved(): boolean {
  return start.hasSubscribers || finish.hasSubscribers
}

/** @internal */
export function publishError(error: unknown, request: HttpRequest): void {
  if (failure.hasSubscribers) failure.publish({ request, error } satisfies RequestErrorMessage)
}

/** @internal A request whose beginning and end somebody sees. */
export class Trace {
  readonly #request: HttpRequest
  readonly #resource: AsyncResource | null
  #status: number | undefined
  #over = false

  /** `withResource`: hooks of `node:async_hooks` see it as a resource of its own. */
  constructor(request: HttpRequest, withResource: boolean) {
    this.#request = request
    this.#resource = withResource
      ? new AsyncResource('ARMATURE_REQUEST', { requireManualDestroy: true })
      : null
  }

  /** Calls `handle` as a part of the request. */
  run<R>(handle: () => R): R {
    const begin = () => {
      if (!start.hasSubscribers) return handle()
      return start.runStores({ request: this.#request } satisfies RequestStartMessage, handle)
    }
    return this.#resource === null ? begin() : this.#resource.runInAsyncScope(begin)
  }

  /** The answer has this status. */
  answered(status: number | undefined): void {
    this.#status = status
  }

  /** The first call ends it. */
  finish(aborted: AbortReason | undefined): void {
    if (this.#over) return
    this.#over = true
    if (finish.hasSubscribers) {
      const message: RequestFinishMessage = { request: this.#request, status: this.#status, aborted }
      if (this.#resource === null) finish.publish(message)
      else this.#resource.runInAsyncScope(finish.publish, finish, message)
    }
    this.#resource?.emitDestroy()
  }
}
