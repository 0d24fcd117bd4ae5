import type { Socket } from '@armature/core'
import { type EventMap, encodeEvent, type RoomEvents } from './events.js'

/** What a client needs of its rooms. */
export interface ClientOwner {
  topicOf(room: string): string
  roomOf(topic: string): string | null
  joined(client: AnyClient, room: string): void
  left(client: AnyClient, room: string): void
}

/** A client whatever it sends and gets. */
export type AnyClient = Client<object, unknown, object>

/**
 * One socket of {@link Rooms}: sends events, joins and leaves rooms. `Out` are the events that it gets, `D` is its data, `P` are the
 * parameters of the path.
 *
 * @example
 * client.join('lobby')
 * client.broadcast('lobby', 'said', { text: 'hello' })
 */
export class Client<
  in Out extends EventMap = Record<string, unknown>,
  out D = unknown,
  out P extends object = Record<string, string>,
> {
  /** The socket itself, for `close()`, `signal`, `bufferedAmount` and raw messages. */
  readonly socket: Socket<D, P>
  readonly #owner: ClientOwner

  /** @internal */
  constructor(socket: Socket<D, P>, owner: ClientOwner) {
    this.socket = socket
    this.#owner = owner
  }

  /** What `upgrade` returned. */
  get data(): D {
    return this.socket.data
  }

  /** The id of the request that it was. */
  get id(): string {
    return this.socket.id
  }

  /** The rooms that it is in; in `close` those that it was in. */
  get rooms(): readonly string[] {
    return this.socket.topics.map((topic) => this.#owner.roomOf(topic)).filter((room) => room !== null)
  }

  /**
   * A parameter of the path, decoded.
   * @throws ArmatureError `ARMATURE_PARAM_UNKNOWN`
   */
  param<K extends keyof P & string>(name: K): P[K] {
    return this.socket.param(name)
  }

  /**
   * Sends an event to this client; see `send()` of the socket for what it returns.
   * @throws TypeError when the payload has no form in JSON
   */
  emit<E extends keyof Out & string>(event: E, payload: Out[E]): boolean {
    return this.socket.send(encodeEvent(event, payload))
  }

  /**
   * Comes into a room; nothing when it is there already.
   *
   * @returns whether its socket is open
   * @throws ArmatureError `ARMATURE_TOPIC_LIMIT`, TypeError `ARMATURE_OPTION_INVALID` for a name that is too long
   */
  join(room: string): boolean {
    if (this.isIn(room)) return true
    if (!this.socket.subscribe(this.#owner.topicOf(room))) return false
    this.#owner.joined(this as unknown as AnyClient, room)
    return true
  }

  /** Leaves a room. @returns whether it was there */
  leave(room: string): boolean {
    if (!this.socket.unsubscribe(this.#owner.topicOf(room))) return false
    this.#owner.left(this as unknown as AnyClient, room)
    return true
  }

  /** Whether it is in `room`. */
  isIn(room: string): boolean {
    return this.socket.topics.includes(this.#owner.topicOf(room))
  }

  /** How many are in a room, in all threads together. */
  count(room: string): number {
    return this.socket.subscribers(this.#owner.topicOf(room))
  }

  /**
   * Sends an event to everybody in `room` but this client, who need not be there.
   * @throws TypeError when the payload has no form in JSON
   */
  to<E extends keyof Out & string>(room: string, event: E, payload: Out[E]): void {
    this.socket.publish(this.#owner.topicOf(room), encodeEvent(event, payload))
  }

  /**
   * Sends an event to everybody in `room`, with this client if it is there.
   * @throws TypeError when the payload has no form in JSON
   */
  broadcast<E extends keyof Out & string>(room: string, event: E, payload: Out[E]): void {
    const message = encodeEvent(event, payload)
    this.socket.publish(this.#owner.topicOf(room), message)
    if (this.isIn(room)) this.socket.send(message)
  }

  /** @internal An event of the package. */
  _tell<E extends keyof RoomEvents>(room: string | null, event: E, payload: RoomEvents[E]): void {
    const message = encodeEvent(event, payload)
    if (room === null) this.socket.send(message)
    else this.socket.publish(this.#owner.topicOf(room), message)
  }
}
