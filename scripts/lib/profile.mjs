// From what callgrind counted to what one request costs.

const allocating = /^(malloc|calloc|realloc|aligned_alloc|posix_memalign)$/

/** The clock is read without a system call, except under valgrind. */
const isClock = (name) => name === 'clock_gettime'

/** Without the version of a symbol of the C library. */
const plain = (name) => name.replace(/@@?GLIBC.*$/, '')

/**
 * What `requests` more requests cost, for each of them: `first` and `second` are functions of {@link readCallgrind}, the second one
 * of a run with so many requests more. What happens once costs both the same. The result is
 * `{ instructions, allocations, calls, clock, systemCalls, functions, files }`.
 */
export function perRequest(first, second, requests) {
  const result = { instructions: 0, allocations: 0, calls: 0, clock: 0 }
  const [systemCalls, functions, files] = [new Map(), new Map(), new Map()]
  const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value)
  const count = (profile, share) => {
    for (const [name, costs] of profile) {
      const mine = functions.get(name) ?? { self: 0, inclusive: 0, calls: 0 }
      functions.set(name, mine)
      mine.self += costs.self[0] * share
      mine.inclusive += costs.inclusive[0] * share
      result.instructions += costs.self[0] * share
      for (const [file, cost] of costs.files) add(files, file, cost[0] * share)
      for (const { calls, cost } of costs.callers.values()) {
        // System calls of the client are noted too, but no instruction of it is.
        if (cost[0] === 0) continue
        mine.calls += calls * share
        if (allocating.test(name)) result.allocations += calls * share
        if (!(costs.self[1] > 0)) continue
        if (isClock(plain(name))) result.clock += cost[1] * share
        else {
          result.calls += cost[1] * share
          add(systemCalls, plain(name), cost[1] * share)
        }
      }
    }
  }
  count(first, -1 / requests)
  count(second, 1 / requests)
  return { ...result, systemCalls, functions, files }
}

/** Entries of a map of numbers, or of what `number` makes of its values, the largest first, without those below `least`. */
export const largest = (map, least, number = (value) => value) =>
  [...map].filter(([, value]) => number(value) >= least).sort(([, a], [, b]) => number(b) - number(a))

/** `crates/armature-core/src/protocol/h1/head.rs` as `core/protocol/h1/head.rs`, a file of a dependency as its name. */
export function room(file) {
  const own = /(?:^|\/)crates\/armature-([^/]+)\/src\/(.*)$/.exec(file)
  if (own) return `${own[1]}/${own[2]}`
  const dependency = /\/registry\/src\/[^/]+\/(.+?)-\d[^/]*\/src\//.exec(file)
  if (dependency) return dependency[1]
  if (/(?:^|\/)benchmark\/instructions\//.test(file)) return 'driver'
  const standard = /(?:^\/rustc\/[^/]+\/)?library\/(\w+)\/src\/(.*)$/.exec(file)
  if (standard) return `std/${standard[2]}`
  return `libc/${file.replace(/^(?:\.+\/)+/, '').replace(/^[^/]+\/(?:\.+\/)*/, '')}`
}

/** `files` by {@link room}. */
export function rooms(files) {
  const sums = new Map()
  for (const [file, cost] of files) sums.set(room(file), (sums.get(room(file)) ?? 0) + cost)
  return sums
}
