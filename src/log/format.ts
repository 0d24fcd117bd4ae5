import { inspect } from 'node:util'
import { toJson } from './json.js'

/**
 * @internal Fills the placeholders of a message. As with pino, values without one are left out, and placeholders without a
 * value stay.
 */
export function formatMessage(message: string, args: readonly unknown[]): string {
  if (args.length === 0 || !message.includes('%')) return message
  let next = 0
  return message.replace(/%([sdifjoO%])/g, (whole, kind: string) => {
    if (kind === '%') return '%'
    if (next === args.length) return whole
    const value = args[next++]
    try {
      return convert(kind, value)
    } catch {
      return '[Throws]'
    }
  })
}

function convert(kind: string, value: unknown): string {
  switch (kind) {
    case 'd':
    case 'f':
      return typeof value === 'bigint'
        ? String(value)
        : String(typeof value === 'symbol' ? Number.NaN : Number(value))
    case 'i':
      return typeof value === 'bigint'
        ? String(value)
        : String(Math.trunc(typeof value === 'symbol' ? Number.NaN : Number(value)))
    case 's':
      return typeof value === 'object' && value !== null
        ? inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY })
        : String(value)
    default:
      return toJson(value) ?? String(value)
  }
}
