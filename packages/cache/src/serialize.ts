import { deserialize, serialize } from 'node:v8'

/** What makes text or bytes of values, and values of them. */
export interface Serializer {
  /** Text or bytes for a value. */
  encode(value: unknown): string | Uint8Array
  /** The value. What it throws counts as a value that is not there. */
  decode(content: string | Buffer): unknown
}

/** JSON, but bytes stay bytes. */
const json: Serializer = {
  encode(value) {
    if (value instanceof Uint8Array) return value
    const text = JSON.stringify(value) as string | undefined
    if (text !== undefined) return text
    throw new TypeError(`a ${typeof value} has no form in JSON and cannot be stored`)
  },
  decode: (content) => (typeof content === 'string' ? JSON.parse(content) : content),
}

/** What `structuredClone()` can copy: also dates, maps, sets, bigints. Bytes from Redis are trusted. */
const structured: Serializer = {
  encode: serialize,
  decode: (content) => deserialize(typeof content === 'string' ? Buffer.from(content) : content),
}

/** @throws TypeError */
export function serializerOf(option: 'json' | 'structured' | Serializer): Serializer {
  if (option === 'json') return json
  if (option === 'structured') return structured
  if (typeof option?.encode === 'function' && typeof option.decode === 'function') return option
  const text = typeof option === 'string' ? `'${option}'` : typeof option
  throw new TypeError(`DataCache.serialize: ${text} is not 'json', 'structured' or { encode, decode }`)
}
