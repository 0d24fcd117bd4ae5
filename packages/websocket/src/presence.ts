import type { Socket } from '@armature/core'
import { encodeEvent } from './events.js'

type AnySocket = Socket<unknown, object>

/**
 * Tells rooms how many are in them, some time after that has changed: a thousand who come at once are one message, and of several
 * threads the one that sees the last change speaks last.
 */
export class Presence {
  readonly #delay: number
  readonly #topicOf: (room: string) => string
  /** Rooms that have changed, with the socket that speaks. */
  readonly #changed = new Map<string, AnySocket>()

  constructor(delay: number, topicOf: (room: string) => string) {
    this.#delay = delay
    this.#topicOf = topicOf
  }

  /** `socket` has come or left. */
  changed(room: string, socket: AnySocket): void {
    const isWaiting = this.#changed.has(room)
    this.#changed.set(room, socket)
    if (!isWaiting) setTimeout(() => this.#tell(room), this.#delay).unref()
  }

  #tell(room: string): void {
    const socket = this.#changed.get(room)
    this.#changed.delete(room)
    if (socket === undefined) return
    const topic = this.#topicOf(room)
    const count = socket.subscribers(topic)
    if (count === 0) return
    const message = encodeEvent('$presence', { room, count })
    socket.publish(topic, message)
    // A socket does not get what it publishes.
    if (socket.topics.includes(topic)) socket.send(message)
  }
}
