import type { SseEvent } from '@armature/core'

/** A number, and all who watch it. */
export class Counter {
  #count = 0
  readonly #watchers = new Set<Watcher>()

  get watchers(): number {
    return this.#watchers.size
  }

  increment(): number {
    this.#count++
    for (const watcher of this.#watchers) watcher.wake()
    return this.#count
  }

  /** Every change from now on, and the present count first unless it is `known`. Who is slow sees the newest only. */
  changes(known: number): AsyncIterable<SseEvent> {
    const watchers = this.#watchers
    const current = () => this.#count
    return {
      // Called when the stream begins, which it does not for HEAD: nothing is left behind then.
      [Symbol.asyncIterator]() {
        const watcher = new Watcher(known, current, () => watchers.delete(watcher))
        watchers.add(watcher)
        return watcher
      },
    }
  }
}

class Watcher implements AsyncIterator<SseEvent> {
  #seen: number
  readonly #current: () => number
  readonly #leave: () => void
  #waiting: ((result: IteratorResult<SseEvent>) => void) | undefined

  constructor(seen: number, current: () => number, leave: () => void) {
    this.#seen = seen
    this.#current = current
    this.#leave = leave
  }

  next(): Promise<IteratorResult<SseEvent>> {
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.wake()
    })
  }

  /** The client left, or the server closes. */
  async return(): Promise<IteratorResult<SseEvent>> {
    this.#leave()
    return { done: true, value: undefined }
  }

  wake(): void {
    const count = this.#current()
    if (this.#waiting === undefined || count === this.#seen) return
    this.#seen = count
    this.#waiting({ done: false, value: { id: count, event: 'count', data: { count } } })
    this.#waiting = undefined
  }
}
