// Requests that wait in a handler until the harness lets them go: what does one cost while it waits?
const waiting = []

/** What a handler awaits. */
export const wait = (id) => new Promise((resolve) => waiting.push(() => resolve({ id })))

/** How many wait, as text. */
export const count = () => String(waiting.length)

/** Lets all of them go; says how many, as text. */
export function release() {
  const all = waiting.splice(0)
  for (const go of all) go()
  return String(all.length)
}
