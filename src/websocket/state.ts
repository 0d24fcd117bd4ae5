import { deserialize, serialize } from 'node:v8'
import type { SocketInit } from './socket.js'

/** @internal What another thread needs of a socket. */
export type SocketState = Omit<SocketInit, 'slow'>

/** Routes that have been warned about. */
const warned = new Set<string>()

/**
 * The state of a socket as bytes; none when its `data` cannot be cloned, which is a warning once for each route.
 *
 * @internal
 */
export function writeState({ data, params, id, route, protocol }: SocketState): Uint8Array {
  try {
    return serialize([data, { ...params }, id, route, protocol])
  } catch (error) {
    if (!warned.has(route)) {
      warned.add(route)
      const why = error instanceof Error ? error.message : 'it throws when it is looked at'
      process.emitWarning(
        `the data of a WebSocket of '${route}' cannot be cloned (${why}): it does not survive its thread`,
        { type: 'ArmatureWarning', code: 'ARMATURE_SOCKET_DATA' },
      )
    }
    return NOTHING
  }
}

/** @internal The other way round; `undefined` for what cannot be read. */
export function readState(bytes: Uint8Array): SocketState | undefined {
  try {
    const [data, params, id, route, protocol] = deserialize(bytes) as [
      unknown,
      object,
      string,
      string,
      string,
    ]
    return { data, params: Object.freeze(Object.assign(Object.create(null), params)), id, route, protocol }
  } catch {
    return undefined
  }
}

const NOTHING = new Uint8Array(0)
