import type { DeclaredCheck } from './layers/health.js'
import type { Log } from './log/types.js'
import { isThenable } from './payload.js'

// Taken at load: fake timers of a test runner are not for these.
const { setTimeout, clearTimeout } = globalThis

/** A check of an application that runs, with its place in the plan. */
export interface PlannedCheck extends Pick<DeclaredCheck, 'name' | 'run' | 'interval' | 'timeout'> {
  /** Number of the layer. */
  readonly layer: number
  /** Number of the check in it. */
  readonly index: number
}

/** Where results go: false when nobody wants to know any more. */
type Report = (layer: number, check: number, passed: boolean) => boolean

/**
 * Runs the checks of this thread, each again and again, and reports their results. A run that does not end holds back the
 * next one of its check: whatever it waits for, there is one of it.
 */
export class HealthChecks {
  readonly #report: Report
  readonly #log: () => Log
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #running = new Set<AbortController>()
  #stopped = false

  constructor(report: Report, log: () => Log) {
    this.#report = report
    this.#log = log
  }

  start(checks: readonly PlannedCheck[]): void {
    for (const check of checks) this.#run(check, true)
  }

  /** Nothing is reported any more; what runs is aborted. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const controller of this.#running) controller.abort(new Error('the server stops'))
    this.#timers.clear()
    this.#running.clear()
  }

  #run(check: PlannedCheck, passedBefore: boolean): void {
    if (this.#stopped) return
    const controller = new AbortController()
    this.#running.add(controller)
    let passed = passedBefore
    const settle = (result: boolean, reason?: unknown) => {
      if (this.#stopped) return
      if (result !== passed) this.#tell(check, result, reason)
      passed = result
      if (!this.#report(check.layer, check.index, result)) this.stop()
    }
    const late = this.#after(check.timeout, () => {
      const error = new Error(`it took longer than ${check.timeout} ms`)
      settle(false, error)
      controller.abort(error)
    })
    const end = (result: boolean, reason?: unknown) => {
      this.#running.delete(controller)
      // What came too late has been reported, and its reason is the signal's.
      if (!controller.signal.aborted) settle(result, reason)
      clearTimeout(late)
      this.#timers.delete(late)
      this.#after(check.interval, () => this.#run(check, passed))
    }
    try {
      const result = check.run(controller.signal)
      if (typeof result !== 'object' || result === null || !isThenable(result)) end(result !== false)
      else
        Promise.resolve(result).then(
          (value) => end(value !== false),
          (reason) => end(false, reason),
        )
    } catch (error) {
      end(false, error)
    }
  }

  #after(delay: number, then: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, delay)
    // Who listens keeps the process alive, not who looks whether all is well.
    timer.unref()
    if (this.#stopped) clearTimeout(timer)
    else this.#timers.add(timer)
    return timer
  }

  #tell({ name }: PlannedCheck, passed: boolean, reason: unknown): void {
    const log = this.#log()
    if (passed) log.info(`health check '${name}' passes again`)
    else if (reason instanceof Error) log.error(reason, `health check '${name}' failed`)
    else log.error({ reason }, `health check '${name}' failed`)
  }
}
