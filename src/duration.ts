import { nameOf, typeError } from './errors.js'
import type { Duration } from './generated/config.js'

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
/** 24 hours, as for the timeouts among the options. */
const LONGEST = 24 * UNITS.h

/**
 * A duration in milliseconds, up to `longest`. Options are read in Rust; this is for the few calls that take one while a server runs.
 *
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID`
 */
export function milliseconds(option: string, value: Duration, longest: number = LONGEST): number {
  if (typeof value === 'number' && value >= 0 && value <= longest) return value
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/.exec(value.trim()) : null
  const parsed = match === null ? NaN : Number(match[1]) * UNITS[(match[2] ?? 'ms') as keyof typeof UNITS]
  if (parsed <= longest) return parsed
  const text =
    typeof value === 'string' ? `'${value}'` : typeof value === 'number' ? String(value) : nameOf(value)
  const allowed = `a duration: milliseconds, or a text such as '500ms', '10s' or '2m', up to ${longest / UNITS.h}h`
  throw typeError('ARMATURE_OPTION_INVALID', { option, value: text, allowed })
}
