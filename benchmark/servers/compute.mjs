// A handler that computes: always the same number of steps, so that every server does the same work.
const STEPS = 20_000

/** A number that nobody can know without all the steps. */
export function compute(text) {
  let value = text.length + text.charCodeAt(0)
  for (let i = 0; i < STEPS; i++) value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d) + i
  return value
}

/** Keeps its thread busy for so many milliseconds, at most ten seconds. */
export function block(milliseconds) {
  const end = performance.now() + Math.min(Number(milliseconds), 10_000)
  while (performance.now() < end) compute('block')
  return 'blocked'
}
