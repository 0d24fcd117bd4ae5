/** Who waits for places to change. */
const watchers = new Set<() => void>()

/** Open calls of `run()` of this thread, by number. */
const places = new Map<number, Place>()
let calls = 0

/** The number of this call of `run()` in this thread, from 1. */
export function countCall(): number {
  calls++
  return calls
}

/** A call of `run()` in the primary thread, which the same call in its workers belongs to. */
export class Place {
  readonly call: number
  name: string | null = null
  /** Number of the server, once it listens. */
  server: number | null = null

  /** For the call number `call`. */
  constructor(call: number) {
    this.call = call
    places.set(call, this)
  }

  /** The server listens. */
  opened(server: number): void {
    this.server = server
    changed()
  }

  /** The server has ended, or did not start. */
  closed(): void {
    places.delete(this.call)
    changed()
  }
}

/** Calls `onChange` whenever {@link findPlace} may have another answer; returns a function that ends that. */
export function watchPlaces(onChange: () => void): () => void {
  watchers.add(onChange)
  return () => watchers.delete(onChange)
}

/**
 * The place with that name, or of the call number `call`: `'pending'` when this thread has not come as far, `'over'` when its
 * server has ended.
 */
export function findPlace(call: number, name: string | null): Place | 'pending' | 'over' {
  const found = (name !== null && namedPlace(name)) || places.get(call)
  if (found !== undefined) return found.server === null ? 'pending' : found
  return call > calls ? 'pending' : 'over'
}

function namedPlace(name: string): Place | undefined {
  return [...places.values()].find((place) => place.name === name)
}

function changed(): void {
  for (const watcher of [...watchers]) watcher()
}
