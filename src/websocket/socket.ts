import { type SocketLink, Subscribed } from '../bridge/socket-link.js'
import { ArmatureError, nameOf, typeError } from '../errors.js'
import type { SlowConsumer } from '../generated/config.js'
import { checkMessage, checkTopic } from './message.js'
import { writeState } from './state.js'

/** What is known of a socket when its request is answered. */
export interface SocketInit {
  readonly data: unknown
  readonly params: object
  readonly id: string
  readonly route: string
  readonly protocol: string
  readonly slow: SlowConsumer
}

/**
 * One WebSocket, as its handlers get it. `D` is what `upgrade` returned, `P` are the parameters of the path.
 *
 * @example
 * app.websocket('/echo', {
 *   message(socket, data) {
 *     socket.send(data)
 *   },
 * })
 */
export class Socket<out D = unknown, out P extends object = Record<string, string>> {
  /** What `upgrade` returned. */
  readonly data: D
  /** The id of the request that it was. */
  readonly id: string
  /** The subprotocol that was agreed on; `''` without one. */
  readonly protocol: string
  readonly #params: object
  readonly #route: string
  readonly #slow: SlowConsumer
  #link: SocketLink | null = null
  #controller: AbortController | null = null
  #over = false
  /** What it subscribes to. */
  #topics: Set<string> | null = null

  /** @internal */
  constructor({ data, params, id, route, protocol, slow }: SocketInit) {
    this.data = data as D
    this.id = id
    this.protocol = protocol
    this.#params = params
    this.#route = route
    this.#slow = slow
  }

  /**
   * A parameter of the path, decoded.
   * @throws ArmatureError `ARMATURE_PARAM_UNKNOWN`
   */
  param<K extends keyof P & string>(name: K): P[K] {
    if (name in this.#params) return (this.#params as P)[name]
    throw new ArmatureError('ARMATURE_PARAM_UNKNOWN', { name, route: this.#route })
  }

  /**
   * Sends a message: a string as text, bytes as binary. Bytes are copied.
   *
   * `false` when no more should be sent until `drain` is called, because `limits.sendBuffer` bytes wait for the client; the
   * message is sent all the same. A message that would make it more than `limits.backlog` is not sent: then the socket is
   * closed with 1008, or goes on without that message, as `slow` says. `false` also when the socket is not open.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for anything but a string or bytes
   */
  send(data: string | ArrayBuffer | ArrayBufferView): boolean {
    const message = checkMessage('send()', data)
    const link = this.#link
    if (link === null || !link.isOpen) return false
    const sent = link.send(message)
    if (sent === 'refused' && this.#slow === 'close') link.close(1008, 'the client is too slow')
    return sent === 'sent'
  }

  /**
   * Bytes of messages that the client's connection has not taken, as far as JavaScript knows: it hears of what was taken with
   * the next message, when that is half of `limits.sendBuffer`, and otherwise after a tenth of a second.
   */
  get bufferedAmount(): number {
    return this.#link?.bufferedAmount ?? 0
  }

  /**
   * Subscribes to a topic: the socket gets what anybody publishes there, in any thread, until it unsubscribes or is over. What was
   * published before it does not get. Doing it twice is the same as once.
   *
   * @returns whether the socket is open
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a topic that is no text, empty, or longer than `limits.topicName` of the
   * application; ArmatureError `ARMATURE_TOPIC_LIMIT` beyond `limits.topics` of the route or of the application
   */
  subscribe(topic: string): boolean {
    checkTopic('subscribe()', topic)
    const link = this.#link
    if (link === null || !link.isOpen) return false
    this.#topics ??= new Set()
    const topics = this.#topics
    if (topics.has(topic)) return true
    if (topics.size >= link.maxTopics) {
      throw new ArmatureError('ARMATURE_TOPIC_LIMIT', { limit: `limits.topics of '${this.#route}'` })
    }
    switch (link.subscribe(topic)) {
      case Subscribed.NameInvalid:
        throw typeError('ARMATURE_OPTION_INVALID', {
          option: 'topic of subscribe()',
          value: `a text of ${Buffer.byteLength(topic)} bytes`,
          allowed: 'one of 1 byte to limits.topicName of the application',
        })
      case Subscribed.TooManyTopics:
        throw new ArmatureError('ARMATURE_TOPIC_LIMIT', { limit: 'limits.topics of the application' })
      case Subscribed.SocketOver:
        return false
    }
    topics.add(topic)
    return true
  }

  /**
   * Unsubscribes from a topic: nothing that is published from now on comes.
   *
   * @returns whether it had subscribed
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a topic that is no text
   */
  unsubscribe(topic: string): boolean {
    if (this.#topics?.delete(checkTopic('unsubscribe()', topic)) !== true) return false
    this.#link?.unsubscribe(topic)
    return true
  }

  /** The topics that it subscribes to, in the order in which it did. */
  get topics(): readonly string[] {
    return this.#topics === null ? [] : [...this.#topics]
  }

  /**
   * Sends a message to all who subscribe to `topic`, in any thread, but not to itself: a string as text, bytes as binary. Whether
   * the socket subscribes, or is still open, does not matter.
   *
   * Whoever gets messages of one thread gets them in the order in which that thread published and sent them. A subscriber that is
   * too slow is treated as `slow` of its route says.
   *
   * @throws TypeError `ARMATURE_OPTION_INVALID` for anything but a string or bytes
   */
  publish(topic: string, data: string | ArrayBuffer | ArrayBufferView): void {
    const message = checkMessage('publish()', data)
    this.#link?.publish(checkTopic('publish()', topic), message)
  }

  /**
   * How many sockets of the server subscribe to `topic`, in all threads together.
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a topic that is no text
   */
  subscribers(topic: string): number {
    return this.#link?.subscribers(checkTopic('subscribers()', topic)) ?? 0
  }

  /**
   * Closes the socket behind what was sent. No message comes any more; `close` is called when the client has answered, or
   * `timeouts.close` has passed.
   *
   * @param code 1000 by default; one that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999
   * @param reason at most 123 bytes of UTF-8
   * @throws TypeError `ARMATURE_OPTION_INVALID`
   */
  close(code = 1000, reason = ''): void {
    checkCode(code)
    if (typeof reason !== 'string' || Buffer.byteLength(reason) > 123) {
      const value =
        typeof reason === 'string' ? `a text of ${Buffer.byteLength(reason)} bytes` : nameOf(reason)
      const allowed = 'a text of at most 123 bytes'
      throw typeError('ARMATURE_OPTION_INVALID', { option: 'reason of close()', value, allowed })
    }
    this.#link?.close(code, reason)
  }

  /** Ends the connection at once, without a word; `close` is called with 1006. */
  terminate(): void {
    if (!this.#over) this.#link?.cut()
  }

  /** Aborted when the socket is over, or another thread has it. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#over) this.#abort()
    }
    return this.#controller.signal
  }

  /**
   * Keeps `data` as it is now, for the case that this thread dies: the thread that takes the socket up then gets what was kept last,
   * at first what `upgrade` returned. A reload needs no call: it asks for what `data` is by then. Does nothing without a `reopen`
   * handler. What cannot be cloned (`v8.serialize()`) is not kept, which is a warning.
   */
  save(): void {
    this.#link?.save()
  }

  /** @internal What another thread needs to take it up. */
  _state(): Uint8Array {
    return writeState({
      data: this.data,
      params: this.#params,
      id: this.id,
      route: this.#route,
      protocol: this.protocol,
    })
  }

  /** @internal Another thread has subscribed to these. */
  _subscribed(names: readonly string[]): void {
    if (names.length > 0) this.#topics = new Set(names)
  }

  /** @internal */
  _opened(link: SocketLink): void {
    this.#link = link
  }

  /** @internal */
  _closed(): void {
    this.#over = true
    if (this.#controller !== null) this.#abort()
  }

  /** @internal A handler has failed. */
  _failed(): void {
    this.#link?.close(1011, 'the server failed')
  }

  /** @internal For messages about its handlers. */
  get _name(): string {
    return this.#route
  }

  #abort(): void {
    this.#controller?.abort(new ArmatureError('ARMATURE_CLIENT_GONE', 'the WebSocket is closed'))
  }
}

function checkCode(code: unknown): void {
  const inRange = (from: number, to: number) => (code as number) >= from && (code as number) <= to
  if (Number.isInteger(code) && (inRange(1000, 1003) || inRange(1007, 1014) || inRange(3000, 4999))) return
  const value = typeof code === 'number' ? code : nameOf(code)
  const allowed = 'a close code that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999'
  throw typeError('ARMATURE_OPTION_INVALID', { option: 'code of close()', value, allowed })
}
