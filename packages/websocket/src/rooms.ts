import type {
  HttpRequest,
  Server,
  Socket,
  SocketData,
  WebSocketHandlers,
  WebSocketOptions,
} from '@armature/core'
import { type AnyClient, Client, type ClientOwner } from './client.js'
import { decodeEvent, type EventMap, encodeEvent, type Issue, plainIssues, type Schemas } from './events.js'
import { Presence } from './presence.js'
import type { StandardResult, StandardSchema } from './standard-schema.js'

/** Options of {@link Rooms}. `In` are the events that clients send. */
export interface RoomsOptions<In extends EventMap> {
  /**
   * Keeps the rooms apart from those of other instances: rooms are topics of the server, named `<name>/<room>`. The same in every
   * thread. Default: `'rooms'`.
   */
  name?: string | undefined
  /**
   * Checks what clients send, before the handler of the event gets it: one Standard Schema (zod, valibot, …) for each event. What does
   * not pass is answered with `$error`. Default: payloads are what the client sent, whatever the types say.
   */
  schemas?: Schemas<In> | undefined
  /**
   * Sends `$presence` with the number of clients to a room when it has changed, so many milliseconds later: changes meanwhile are
   * one message. From 0 to 60000. Default: `false`, nothing is sent.
   */
  presence?: number | false | undefined
}

/**
 * What happens on the sockets of a route. `P` are the path parameters, `L` the locals that `upgrade` needs, `U` is what `upgrade`
 * returns.
 */
export interface RoomHandlers<
  In extends EventMap,
  Out extends EventMap,
  P extends object,
  L extends object,
  U,
> extends WebSocketOptions {
  /** As that of `app.websocket()`: what it returns is the `data` of the client, an `HttpResponse` refuses. */
  upgrade?: ((req: HttpRequest<P, L>) => U) | undefined
  /** A client has come. */
  open?: ((client: Client<Out, SocketData<U>, P>) => unknown) | undefined
  /** Another thread had the client, which has its data and is in its rooms; see `reopen` of `app.websocket()`. */
  reopen?: ((client: Client<Out, SocketData<U>, P>) => unknown) | undefined
  /** The handlers of events by their names. While their promises are pending, little more is read. */
  on?: EventHandlers<In, Client<Out, SocketData<U>, P>> | undefined
  /** As that of `app.websocket()`. */
  drain?: ((client: Client<Out, SocketData<U>, P>) => unknown) | undefined
  /** A client is gone; `client.rooms` are those that it was in. */
  close?: ((client: Client<Out, SocketData<U>, P>, code: number, reason: string) => unknown) | undefined
  /** What others in a room hear of who comes (`$joined`) and leaves (`$left`). Default: they hear nothing. */
  member?: ((client: Client<Out, SocketData<U>, P>) => unknown) | undefined
  /** Subprotocols, the preferred one first. Default: none. */
  protocols?: readonly string[] | undefined
}

/** Handlers of events by their names. */
export type EventHandlers<In extends EventMap, C> = {
  readonly [E in keyof In & string]?: (client: C, payload: In[E]) => unknown
}

/** What is left of the handlers when their types are. */
type AnyRoomHandlers = RoomHandlers<object, object, object, object, unknown>

/**
 * Rooms of WebSockets, with typed events. A message is a JSON array of the name of the event and its payload: `["said",{"text":"hi"}]`.
 *
 * Rooms are topics of the server: shared by all threads of the process, without Redis. `In` are the events that clients send,
 * `Out` those that they get.
 *
 * @example
 * interface In { say: { text: string } }
 * interface Out { said: { name: string; text: string } }
 *
 * const chat = new Rooms<In, Out>({ presence: 100 })
 * app.websocket('/chat/:room', chat.handlers({
 *   upgrade: (req) => ({ name: req.queryParam('name') ?? 'nobody' }),
 *   open: (client) => client.join(client.param('room')),
 *   on: {
 *     say: (client, { text }) => client.broadcast(client.param('room'), 'said', { name: client.data.name, text }),
 *   },
 * }))
 */
export class Rooms<
  In extends EventMap = Record<string, unknown>,
  Out extends EventMap = Record<string, unknown>,
> {
  readonly #prefix: string
  readonly #schemas: Record<string, StandardSchema> | null
  readonly #presence: Presence | null

  /** @throws TypeError for an option of the wrong kind */
  constructor(options: RoomsOptions<In> = {}) {
    const { name = 'rooms', schemas, presence = false } = options
    if (typeof name !== 'string') throw new TypeError(`Rooms.name: ${String(name)} is not a text`)
    this.#prefix = `${name}/`
    this.#schemas = (schemas as Record<string, StandardSchema> | undefined) ?? null
    if (presence !== false && !(Number.isInteger(presence) && presence >= 0 && presence <= 60_000)) {
      throw new TypeError(`Rooms.presence: ${String(presence)} is not false or a number from 0 to 60000`)
    }
    this.#presence = presence === false ? null : new Presence(presence, this.#topicOf)
  }

  /** Handlers for `app.websocket()` and `ws()`. Options of the socket - `slow`, `limits`, `timeouts`, `origins` - stand beside them. */
  handlers<
    P extends object = Record<string, string>,
    // biome-ignore lint/complexity/noBannedTypes: {} is the identity of intersections
    L extends object = {},
    U = undefined,
  >(handlers: RoomHandlers<In, Out, P, L, U>): WebSocketHandlers<P, L, U> {
    const { open, reopen, on, drain, close, member, ...rest } = handlers as unknown as AnyRoomHandlers
    const clients = new WeakMap<Socket<unknown, object>, AnyClient>()
    const owner: ClientOwner = {
      topicOf: this.#topicOf,
      roomOf: this.#roomOf,
      joined: (client, room) => {
        this.#presence?.changed(room, client.socket)
        if (member !== undefined) {
          client._tell(room, '$joined', { room, member: member(client), count: client.count(room) })
        }
      },
      left: (client, room) => {
        this.#presence?.changed(room, client.socket)
        if (member !== undefined) {
          client._tell(room, '$left', { room, member: member(client), count: client.count(room) })
        }
      },
    }
    const of = (socket: Socket<unknown, object>): AnyClient => {
      const known = clients.get(socket)
      if (known !== undefined) return known
      const client: AnyClient = new Client<object, unknown, object>(socket, owner)
      clients.set(socket, client)
      return client
    }
    const receiver = new Receiver(
      on as EventHandlers<Record<string, unknown>, AnyClient> | undefined,
      this.#schemas,
    )
    const socketHandlers: WebSocketHandlers<object, object, unknown> = {
      ...rest,
      open: (socket) => open?.(of(socket)),
      ...(reopen !== undefined && { reopen: (socket: Socket<unknown, object>) => reopen(of(socket)) }),
      message: (socket, data) => receiver.receive(of(socket), data),
      ...(drain !== undefined && { drain: (socket: Socket<unknown, object>) => drain(of(socket)) }),
      close: (socket, code, reason) => {
        const client = of(socket)
        const failures: unknown[] = []
        for (const room of client.rooms) {
          try {
            owner.left(client, room)
          } catch (error) {
            // One room that cannot be told is no reason to leave the others in the belief that the client is there.
            failures.push(error)
          }
        }
        const closed = () => close?.(client, code, reason)
        return failures.length === 0 ? closed() : failAfter(closed, failures)
      },
    }
    return socketHandlers as unknown as WebSocketHandlers<P, L, U>
  }

  /**
   * Sends an event to everybody in `room`, from anywhere.
   * @throws ArmatureError `ARMATURE_SERVER_CLOSED`, TypeError when the payload has no form in JSON
   */
  emit<E extends keyof Out & string>(server: Server, room: string, event: E, payload: Out[E]): void {
    server.publish(this.#topicOf(room), encodeEvent(event, payload))
  }

  /**
   * How many clients are in `room`, in all threads together.
   * @throws ArmatureError `ARMATURE_SERVER_CLOSED`
   */
  count(server: Server, room: string): number {
    return server.subscribers(this.#topicOf(room))
  }

  readonly #topicOf = (room: string): string => {
    if (typeof room === 'string') return this.#prefix + room
    throw new TypeError(`room: ${String(room)} is not a text`)
  }

  readonly #roomOf = (topic: string): string | null =>
    topic.startsWith(this.#prefix) ? topic.slice(this.#prefix.length) : null
}

/** From a message to the handler of its event. */
class Receiver {
  readonly #on: Readonly<Record<string, ((client: AnyClient, payload: unknown) => unknown) | undefined>>
  readonly #schemas: Record<string, StandardSchema> | null
  /** Clients whose schemas take their time: messages stay in order. */
  readonly #tails = new WeakMap<AnyClient, Promise<unknown>>()

  constructor(
    on: EventHandlers<Record<string, unknown>, AnyClient> | undefined,
    schemas: Record<string, StandardSchema> | null,
  ) {
    this.#on = Object.assign(Object.create(null), on)
    this.#schemas = schemas === null ? null : Object.assign(Object.create(null), schemas)
  }

  receive(client: AnyClient, data: string | Buffer): unknown {
    const decoded = decodeEvent(data)
    if (decoded === null)
      return refuse(client, null, [{ message: 'not a JSON array of a name and a payload' }])
    const [event, payload] = decoded
    const handler = this.#on[event]
    if (handler === undefined) return refuse(client, event, [{ message: 'no such event' }])
    if (this.#schemas === null) return handler(client, payload)
    const schema = this.#schemas[event]
    if (schema === undefined) return refuse(client, event, [{ message: 'no such event' }])
    const tail = this.#tails.get(client)
    const result = schema['~standard'].validate(payload)
    if (tail === undefined && !(result instanceof Promise))
      return this.#checked(client, event, handler, result)
    const next = Promise.all([result, tail]).then(([checked]) =>
      this.#checked(client, event, handler, checked),
    )
    const settled = next.then(nothing, nothing).finally(() => {
      if (this.#tails.get(client) === settled) this.#tails.delete(client)
    })
    this.#tails.set(client, settled)
    return next
  }

  #checked(
    client: AnyClient,
    event: string,
    handler: (client: AnyClient, payload: unknown) => unknown,
    result: StandardResult<unknown>,
  ): unknown {
    if (result.issues === undefined) return handler(client, result.value)
    return refuse(client, event, plainIssues(result.issues))
  }
}

function refuse(client: AnyClient, event: string | null, issues: Issue[]): void {
  client._tell(null, '$error', { event, issues })
}

/** Fails with what has failed before, and what fails in `call`. */
async function failAfter(call: () => unknown, failures: unknown[]): Promise<never> {
  try {
    await call()
  } catch (error) {
    failures.push(error)
  }
  throw failures.length === 1
    ? failures[0]
    : new AggregateError(failures, 'member() or close() failed more than once')
}

function nothing(): void {}
