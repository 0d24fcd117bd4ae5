import { isError } from '../errors.js'
import { formatMessage } from './format.js'
import { membersOf, toJson } from './json.js'
import { type Level, WEIGHTS } from './levels.js'
import { devLine, jsonLine } from './lines.js'
import type { Log } from './types.js'
import type { LogWriter } from './writer.js'

/** @internal A member of a line. */
export type JsonMember = readonly [name: string, json: string]

/** What says which line it is; nothing that is logged may say something else. */
const OURS = ['level', 'time']

/** @internal A log that writes to the native output. */
export class NativeLog implements Log {
  readonly #writer: LogWriter
  readonly #bindings: readonly JsonMember[]
  /** Names that no object changes. */
  readonly #taken: readonly string[]
  /** The bindings as text. */
  #bound: string | null = null

  constructor(writer: LogWriter, bindings: readonly JsonMember[] = [], taken: readonly string[] = OURS) {
    this.#writer = writer
    this.#bindings = bindings
    this.#taken = taken
  }

  trace(...args: unknown[]): void {
    this.#log('trace', args)
  }

  debug(...args: unknown[]): void {
    this.#log('debug', args)
  }

  info(...args: unknown[]): void {
    this.#log('info', args)
  }

  warn(...args: unknown[]): void {
    this.#log('warn', args)
  }

  error(...args: unknown[]): void {
    this.#log('error', args)
  }

  fatal(...args: unknown[]): void {
    this.#log('fatal', args)
  }

  child(bindings: Readonly<Record<string, unknown>>): Log {
    const own = this.#rename(membersOf(Object(bindings)), false)
    return new NativeLog(this.#writer, [...this.#bindings, ...own], this.#taken)
  }

  /** Of a request: nothing that is logged may have another id. */
  ofRequest(id: string, route: string): Log {
    const members: JsonMember[] = [
      ['requestId', JSON.stringify(id)],
      ['route', JSON.stringify(route)],
    ]
    return new NativeLog(this.#writer, members, [...OURS, 'requestId', 'route'])
  }

  #log(level: Level, args: readonly unknown[]): void {
    const { settings } = this.#writer
    if (WEIGHTS[level] < WEIGHTS[settings.level]) return
    const time = Date.now()
    const { members, message } = this.#read(args)
    if (settings.format === 'json') {
      this.#bound ??= this.#bindings.map(([name, json]) => `,${JSON.stringify(name)}:${json}`).join('')
      this.#writer.write(jsonLine(level, time, this.#bound, members, message))
    } else {
      this.#writer.write(devLine(level, time, [...this.#bindings, ...members], message, settings.colors))
    }
    if (level === 'fatal') this.#writer.flush()
  }

  /** The arguments of pino: an object or an error, a message, values for the message. */
  #read(args: readonly unknown[]): { members: readonly JsonMember[]; message: string | undefined } {
    const [first, second, ...rest] = args
    if (typeof first === 'string') return { members: [], message: formatMessage(first, args.slice(1)) }
    const said =
      typeof second === 'string'
        ? formatMessage(second, rest)
        : second === undefined
          ? undefined
          : text(second)
    if (typeof first !== 'object' || first === null) {
      const isNothing = first === undefined || first === null
      return { members: [], message: isNothing && said !== undefined ? said : text(first) }
    }
    if (isError(first)) {
      return { members: [['err', toJson(first) ?? '{}']], message: said ?? text(messageOf(first)) }
    }
    return { members: this.#rename(membersOf(first), said !== undefined), message: said }
  }

  #rename(members: readonly JsonMember[], hasMessage: boolean): readonly JsonMember[] {
    const isTaken = (name: string) => this.#taken.includes(name) || (hasMessage && name === 'msg')
    if (!members.some(([name]) => isTaken(name))) return members
    return members.map(([name, json]) =>
      isTaken(name) ? ([`_${name}`, json] as const) : ([name, json] as const),
    )
  }
}

function messageOf(error: Error): unknown {
  try {
    return error.message
  } catch {
    return '[Throws]'
  }
}

function text(value: unknown): string {
  try {
    return String(value)
  } catch {
    return '[Throws]'
  }
}
