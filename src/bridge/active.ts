import type { RequestRecord } from './record.js'

/** What hears of a streamed response. */
export interface ActiveSink {
  /** The socket has taken `bytes`; only once the head has left. */
  credit?(bytes: number): void
  /** Nobody receives any more. */
  closed(): void
}

/** A request whose answer is not complete. */
export interface Active {
  readonly record: RequestRecord
  /** The streamed response. */
  sink: ActiveSink | null
}

/**
 * Requests in progress, found by the slot that Rust gave them. Slots are dense and reused, so an array beats a map; the
 * generation tells whether a slot still has the same request.
 */
export class ActiveRequests {
  readonly #loops: (Active | undefined)[][] = []

  /** The entry of `record`, made when it is new. */
  add(record: RequestRecord): Active {
    const known = this.find(record.slot, record.generation)
    if (known !== undefined) return known
    const loop = record.slot >>> 24
    while (this.#loops.length <= loop) this.#loops.push([])
    const active: Active = { record, sink: null }
    ;(this.#loops[loop] as (Active | undefined)[])[record.slot & 0xff_ffff] = active
    return active
  }

  find(slot: number, generation: number): Active | undefined {
    const active = this.#loops[slot >>> 24]?.[slot & 0xff_ffff]
    return active?.record.generation === generation ? active : undefined
  }

  delete(record: RequestRecord): void {
    const slots = this.#loops[record.slot >>> 24]
    if (slots?.[record.slot & 0xff_ffff]?.record === record) slots[record.slot & 0xff_ffff] = undefined
  }

  values(): Active[] {
    return this.#loops.flat().filter((active) => active !== undefined)
  }
}
