import type { AsyncResource } from 'node:async_hooks'
import { ambient } from './ambient.js'
import { FLAG_EVENTS, FLAG_FILE, FLAG_NATIVE, FLAG_SOCKET, FLAG_STREAM } from './bridge/commands.js'
import { fileText, type NamedFile } from './bridge/file.js'
import { JsonWriter, SMALL_JSON } from './bridge/json.js'
import type { Lane } from './bridge/lane.js'
import type { RequestRecord } from './bridge/record.js'
import type { SocketEvents } from './bridge/socket-link.js'
import { BodyKind } from './bridge/types.js'
import { isObserved, publishError, Trace } from './diagnostics.js'
import { EventStream } from './events.js'
import { HeadSink } from './head-sink.js'
import type { HeaderList } from './headers.js'
import { logUnhandled } from './log/unhandled.js'
import { isThenable, jsonText } from './payload.js'
import { resolveError } from './problem.js'
import { HttpRequest } from './request.js'
import { toResponse } from './responder.js'
import type { HttpResponse } from './response.js'
import { discardSource, pump, type StreamSource } from './stream.js'

/** What a dispatcher needs of the settings. */
export interface DispatchSettings {
  readonly secrets: readonly string[]
  readonly asyncResource: boolean
}

/**
 * From a record to its handler, and from what the handler gave to a command. Nothing that a handler does may throw out
 * of here: it would end the batch, and with it other people's requests.
 */
export class Dispatcher {
  readonly #lane: Lane
  readonly #secrets: readonly string[]
  readonly #asyncResource: boolean
  /** Registered header sets, by content type. */
  readonly #sets = new Map<string, number>()
  readonly #json = new JsonWriter()
  #lastType: string | null = null
  #lastSet = 0

  constructor(lane: Lane, settings: DispatchSettings) {
    this.#lane = lane
    this.#secrets = settings.secrets
    this.#asyncResource = settings.asyncResource
  }

  /** Runs the handler. True when its answer comes later. */
  request(record: RequestRecord): boolean {
    const req = new HttpRequest(record, this.#secrets)
    if (ambient.storage === null && !this.#asyncResource && !isObserved()) return this.#handle(req, record)
    return this.#observed(req, record)
  }

  /** The same in the context of the request, and for those who look on. */
  #observed(req: HttpRequest, record: RequestRecord): boolean {
    const { storage } = ambient
    const handle = () => this.#handle(req, record)
    const inContext = storage === null ? handle : () => storage.run(req, handle)
    if (!this.#asyncResource && !isObserved()) return inContext()
    record.trace = new Trace(req, this.#asyncResource)
    return record.trace.run(inContext)
  }

  #handle(req: HttpRequest, record: RequestRecord): boolean {
    let result: unknown
    try {
      result = record.handler.run(req)
      if (typeof result !== 'object' || result === null || !isThenable(result)) {
        return this.#answer(toResponse(result, req), req, record)
      }
    } catch (error) {
      return this.#failed(error, req, record)
    }
    this.#later(result, req, record)
    return true
  }

  #later(result: PromiseLike<unknown>, req: HttpRequest, record: RequestRecord): void {
    this.#lane.track(record)
    // A thenable may throw, or call back twice; a promise made from it does neither.
    const promise = result instanceof Promise ? result : Promise.resolve(result)
    promise.then(
      (value) => {
        try {
          this.#answer(toResponse(value, req), req, record)
        } catch (error) {
          this.#failed(error, req, record)
        }
        this.#lane.schedule()
      },
      (error) => {
        this.#failed(error, req, record)
        this.#lane.schedule()
      },
    )
  }

  #answer(response: HttpResponse | Promise<HttpResponse>, req: HttpRequest, record: RequestRecord): boolean {
    if (response instanceof Promise) {
      this.#later(response, req, record)
      return true
    }
    try {
      response.markUsed()
      response.finish(req)
      return this.#send(response, req, record, false)
    } catch (error) {
      return this.#failed(error, req, record)
    }
  }

  /** An error becomes an answer by the scopes' `onError`, or a problem; `late`: outside of all middleware. */
  #failed(error: unknown, req: HttpRequest, record: RequestRecord, late = false): boolean {
    let resolved: HttpResponse | Promise<HttpResponse>
    publishError(error, req)
    try {
      resolved = resolveError(error, req, record.handler.scope, logUnhandled, late)
    } catch {
      // What was thrown throws when it is looked at.
      return this.#bare(record)
    }
    if (resolved instanceof Promise) {
      this.#lane.track(record)
      resolved.then(
        (response) => {
          this.#last(response, req, record)
          this.#lane.schedule()
        },
        () => {
          this.#bare(record)
          this.#lane.schedule()
        },
      )
      return true
    }
    return this.#last(resolved, req, record)
  }

  /** Sends the answer to an error; when that fails too, a bare 500. */
  #last(response: HttpResponse, req: HttpRequest, record: RequestRecord): boolean {
    try {
      response.markUsed()
      response.finish(req)
      return this.#send(response, req, record, true)
    } catch (error) {
      publishError(error, req)
      logUnhandled(error, req)
      return this.#bare(record)
    }
  }

  /** A 500 that looks at nothing and cannot fail. */
  #bare(record: RequestRecord): boolean {
    record.trace?.answered(500)
    this.#lane.commands.respondText(record, 500, 0, 0, PROBLEM, BARE)
    this.#lane.forget(record)
    record.finish()
    return false
  }

  /** Encodes the response, which is the `last` try when it answers an error. True when its body comes later. */
  #send(response: HttpResponse, req: HttpRequest, record: RequestRecord, last: boolean): boolean {
    const { commands } = this.#lane
    const { _status: status, _type: type, _headers: headers, _body: body } = response
    const set = this.#set(type)
    switch (response._kind) {
      case BodyKind.Stream:
        return this.#stream(response, req, record, last)
      case BodyKind.Json: {
        // Serialised first: what throws must not leave half a command, and a getter may have commands of its own.
        const { handler } = record
        const isSmall = handler.jsonLength <= SMALL_JSON && typeof body === 'object' && body !== null
        const length = isSmall ? this.#json.write(body) : -1
        if (length >= 0) {
          handler.jsonLength = length
          const list = this.#list(set, type, headers)
          commands.respondSmall(record, status, set, list, this.#json.words, length)
          break
        }
        const text = jsonText(body)
        handler.jsonLength = text.length
        commands.respondText(record, status, 0, set, this.#list(set, type, headers), text)
        break
      }
      case BodyKind.Text:
        commands.respondText(record, status, 0, set, this.#list(set, type, headers), body as string)
        break
      case BodyKind.Bytes: {
        const bytes = body as Uint8Array
        commands.respondBytes(record, status, 0, set, this.#list(set, type, headers), bytes)
        break
      }
      case BodyKind.Socket:
        this.#socket(record, set, this.#list(set, type, headers), body as SocketEvents)
        break
      case BodyKind.File: {
        const text = fileText(body as NamedFile, req)
        commands.respondText(record, status, FLAG_FILE, set, this.#list(set, type, headers), text)
        break
      }
      case BodyKind.Native: {
        const lost = [...(response._lost ?? [])]
        commands.respondText(record, lost.length, FLAG_NATIVE, 0, changes(lost, type, headers), '')
        break
      }
      default:
        commands.respondText(record, status, 0, set, this.#list(set, type, headers), '')
    }
    record.trace?.answered(response._kind === BodyKind.Native ? record.handler.status : status)
    this.#lane.forget(record)
    record.finish()
    return false
  }

  #stream(response: HttpResponse, req: HttpRequest, record: RequestRecord, last: boolean): boolean {
    const { _status: status, _type: type, _headers: headers } = response
    const source = response._body as StreamSource | EventStream
    const { commands } = this.#lane
    const set = this.#set(type)
    if (req.method === 'HEAD') {
      // As a stream that ends at once: a head without content would promise that GET has none either.
      commands.respondText(record, status, FLAG_STREAM, set, this.#list(set, type, headers), '')
      commands.end(record)
      discardSource(source)
      record.trace?.answered(status)
      this.#lane.forget(record)
      record.finish()
      return false
    }
    const sink = new HeadSink({
      begin: () => {
        const list = this.#list(set, type, headers)
        if (source instanceof EventStream) {
          commands.respondBytes(record, status, FLAG_STREAM | FLAG_EVENTS, set, list, source.head)
        } else commands.respondText(record, status, FLAG_STREAM, set, list, '')
        this.#lane.schedule()
        record.trace?.answered(status)
        return this.#lane.openStream(record)
      },
      refused: (error) => {
        if (last) {
          publishError(error, req)
          logUnhandled(error, req)
          this.#bare(record)
        } else this.#failed(error, req, record, true)
        this.#lane.schedule()
      },
    })
    this.#lane.trackStream(record, sink)
    const context = response._context as AsyncResource
    context.runInAsyncScope(pump, undefined, source, sink, req, context)
    return true
  }

  /** Beside the answer goes what another thread would need to take the socket up. */
  #socket(record: RequestRecord, set: number, headers: HeaderList | null, events: SocketEvents): void {
    const { commands } = this.#lane
    const state = events.state()
    if (state === null) commands.respondText(record, 101, FLAG_SOCKET, set, headers, '')
    else commands.respondBytes(record, 101, FLAG_SOCKET, set, headers, state)
    this.#lane.openSocket(record, events)
  }

  /** The number of the registered set with this content type; 0 when there is none and the type goes in full. */
  #set(type: string | null): number {
    // Answers come in runs of one type.
    if (type === this.#lastType) return this.#lastSet
    const set = type === null ? 0 : (this.#sets.get(type) ?? this.#register(type))
    this.#lastType = type
    this.#lastSet = set
    return set
  }

  #register(type: string): number {
    // The table is small and types may be made up per request (boundaries): what does not fit is sent in full.
    if (this.#sets.size === MAX_SETS) return 0
    const set: number = this.#lane.native.registerHeaders(['content-type', type])
    if (set !== 0) this.#sets.set(type, set)
    return set
  }

  /** What goes beside `set`. */
  #list(set: number, type: string | null, headers: HeaderList | null): HeaderList | null {
    if (type === null || set !== 0) return headers
    return headers === null ? ['content-type', type] : ['content-type', type, ...headers]
  }
}

/** The names that a native answer loses, without values, then what it gets: Rust knows how many come first. */
function changes(lost: readonly string[], type: string | null, headers: HeaderList | null): HeaderList {
  const own = type === null ? [] : ['content-type', type]
  return [...lost.flatMap((name) => [name, '']), ...own, ...(headers ?? [])]
}

const MAX_SETS = 64
const PROBLEM = ['content-type', 'application/problem+json']
const BARE = '{"title":"Internal Server Error","status":500,"code":"ARMATURE_INTERNAL"}'
