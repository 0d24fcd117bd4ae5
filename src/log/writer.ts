import type { LogSettings, NativeLog as Output } from '../native.js'
import { flushLogs, openLog } from '../native.js'

/** Characters after which lines leave before the turn is over. */
const BATCH = 64 * 1024
/** How long the last lines may take to get out when the process ends, or after a fatal one. */
const PATIENCE = 100

// Taken at load, so that fake timers of a test runner keep no line back.
const { setImmediate } = globalThis

const writers = new Set<WeakRef<LogWriter>>()
let ending = false

/** @internal Hands the lines of all logs over and waits until they are out. */
export function flushAll(): void {
  for (const reference of writers) {
    const writer = reference.deref()
    if (writer === undefined) writers.delete(reference)
    else writer.send()
  }
  flushLogs(PATIENCE)
}

// process.exit() and uncaught exceptions leave no other time.
process.on('exit', () => {
  ending = true
  flushAll()
})

/** @internal What an application gathers for its output: one native call for all lines of a turn. */
export class LogWriter {
  settings: LogSettings
  #config: string
  #output: Output | null = null
  #lines = ''
  #scheduled = false

  /** `config`: the options of the application, as JSON. */
  constructor(config: string, settings: LogSettings) {
    this.#config = config
    this.settings = settings
    writers.add(new WeakRef(this))
  }

  /** Writes as a server does, whose options are `config`, from now on. */
  adopt(config: string, settings: LogSettings): void {
    this.send()
    this.#config = config
    this.settings = settings
    this.#output = null
  }

  write(line: string): void {
    this.#lines += line
    if (ending || this.#lines.length >= BATCH) this.send()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(this.#turn)
    }
    if (ending) flushLogs(PATIENCE)
  }

  flush(): void {
    this.send()
    flushLogs(PATIENCE)
  }

  send(): void {
    if (this.#lines === '') return
    const lines = this.#lines
    this.#lines = ''
    try {
      this.#output ??= openLog(this.#config)
      this.#output.write(lines)
    } catch (error) {
      // A log must not stop a program; where it does not open, run() says so.
      process.stderr.write(`[armature] ${(error as Error).message}\n${lines}`)
    }
  }

  readonly #turn = (): void => {
    this.#scheduled = false
    this.send()
  }
}
