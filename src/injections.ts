import { ArmatureError } from './errors.js'
import { type AnswerOwner, InjectedAnswer, type InjectedRequest } from './inject-answer.js'
import { cancelInjection, grantInjection, injectRequest, type NativeServer } from './native.js'

// Taken at load, so that fake timers of a test runner do not stop a drain.
const { setTimeout, clearTimeout } = globalThis

const MAX_ID = 0xffff_ffff

/** The injected requests of one engine that are in progress. */
export class Injections implements AnswerOwner {
  readonly window: number
  readonly #native: NativeServer
  readonly #changed: () => void
  readonly #answers = new Map<number, InjectedAnswer>()
  #lastId = 0
  #waiting = 0
  #onEmpty: (() => void) | null = null

  /** `changed` is called when {@link Injections.size} or {@link Injections.areAwaited} may have changed. */
  constructor(native: NativeServer, window: number, changed: () => void) {
    this.#native = native
    this.window = window
    this.#changed = changed
  }

  /** Requests whose answer has not ended; a body that nobody reads does not end. */
  get size(): number {
    return this.#answers.size
  }

  /** Whether somebody waits: for a head, or for more of a body. */
  get areAwaited(): boolean {
    return this.#waiting > 0
  }

  start(request: InjectedRequest, body: Buffer | null, signal: AbortSignal | undefined): Promise<Response> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    const id = this.#lastId === MAX_ID ? 1 : this.#lastId + 1
    this.#lastId = id
    const answer = new InjectedAnswer(this, id, request.method === 'HEAD', signal)
    this.#answers.set(id, answer)
    try {
      injectRequest(this.#native, id, JSON.stringify(request), body)
    } catch (error) {
      this.#answers.delete(id)
      answer.fail(error as Error)
    }
    return answer.response
  }

  head(id: number, status: number, head: Buffer): void {
    this.#answers.get(id)?.head(status, head)
  }

  data(id: number, data: Buffer): void {
    this.#answers.get(id)?.data(data)
  }

  end(id: number, failed: boolean): void {
    const answer = this.#answers.get(id)
    if (answer === undefined) return
    this.#answers.delete(id)
    if (failed) answer.fail()
    else answer.end()
    if (this.#answers.size === 0) this.#onEmpty?.()
    this.#changed()
  }

  /** Waits for the end of all, at most `timeout` milliseconds; resolves with the number that is left. */
  async drain(timeout: number): Promise<number> {
    if (this.#answers.size > 0 && timeout > 0) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve
        timer = setTimeout(resolve, timeout)
      })
      clearTimeout(timer)
    }
    return this.#answers.size
  }

  /** Nothing comes any more. */
  stop(): void {
    const answers = [...this.#answers.values()]
    this.#answers.clear()
    for (const answer of answers) answer.fail(new ArmatureError('ARMATURE_SERVER_CLOSED'))
  }

  awaits(waits: boolean): void {
    this.#waiting += waits ? 1 : -1
    this.#changed()
  }

  grant(id: number, bytes: number): void {
    grantInjection(this.#native, id, bytes)
  }

  cancel(id: number): void {
    cancelInjection(this.#native, id)
  }
}
