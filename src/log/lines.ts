import type { Level } from './levels.js'
import type { JsonMember } from './log.js'

const COLORS: Record<Level, number> = { trace: 90, debug: 34, info: 32, warn: 33, error: 31, fatal: 35 }

/** @internal One JSON object. `members`: text of JSON, each member with its comma before it. */
export function jsonLine(
  level: Level,
  time: number,
  bound: string,
  own: readonly JsonMember[],
  message: string | undefined,
): string {
  let line = `{"level":"${level}","time":${time}${bound}`
  for (const [name, json] of own) line += `,${JSON.stringify(name)}:${json}`
  return message === undefined ? `${line}}\n` : `${line},"msg":${JSON.stringify(message)}}\n`
}

/** @internal For people: `12:00:00.000 INFO  message name=value`, and below it the stacks of errors. */
export function devLine(
  level: Level,
  time: number,
  members: readonly JsonMember[],
  message: string | undefined,
  colors: boolean,
): string {
  const name = level.toUpperCase().padEnd(5)
  let line = `${clock(time)} ${colors ? `\x1b[${COLORS[level]}m${name}\x1b[39m` : name}`
  if (message !== undefined) line += ` ${visible(message)}`
  let below = ''
  for (const [name, json] of members) {
    const stack = stackOf(json)
    if (stack === undefined) line += ` ${visible(name)}=${visible(json)}`
    else below += `${name}: ${stack}`.replace(/^/gm, '    ').concat('\n')
  }
  return `${line}\n${below}`
}

function clock(time: number): string {
  return new Date(time).toISOString().slice(11, 23)
}

/** What a client may have written must not move the cursor, or look like another line. */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function stackOf(json: string): string | undefined {
  if (!json.startsWith('{"type":"')) return undefined
  const { stack } = JSON.parse(json) as { stack?: unknown }
  return typeof stack === 'string' ? stack.split('\n').map(visible).join('\n') : undefined
}
