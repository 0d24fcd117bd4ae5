import { type NativeStoreClient, openStoreClient } from './native.js'

/** What a store has for a key. */
export type Content = string | Buffer

/** What this thread waits for, of all its stores: numbers, and what is called when they are done. */
class StoreClient {
  readonly native: NativeStoreClient
  readonly #waiting = new Map<number, (content: Content | undefined) => void>()
  #last = 0

  constructor() {
    this.native = openStoreClient(() => this.#pump())
  }

  /** A number for something that is begun; nobody waits for it yet. */
  next(): number {
    // 0 is nothing's; numbers are unsigned 32-bit integers in Rust.
    do {
      this.#last = this.#last === 0xffff_ffff ? 1 : this.#last + 1
    } while (this.#waiting.has(this.#last))
    return this.#last
  }

  /** Resolves when `id` is done. Keeps the process alive until then. */
  wait(id: number): Promise<Content | undefined> {
    return new Promise((resolve) => {
      if (this.#waiting.size === 0) this.native.setReferenced(true)
      this.#waiting.set(id, resolve)
    })
  }

  /** Nobody waits for `id` any more. */
  forget(id: number): void {
    if (this.#waiting.delete(id) && this.#waiting.size === 0) this.native.setReferenced(false)
  }

  #pump(): void {
    for (let id = this.native.next(); id !== 0; id = this.native.next()) {
      const resolve = this.#waiting.get(id)
      if (resolve === undefined) continue
      const content = this.native.content() ?? undefined
      this.forget(id)
      resolve(content)
    }
  }
}

let client: StoreClient | undefined

/** That of this thread. */
export function storeClient(): StoreClient {
  client ??= new StoreClient()
  return client
}
