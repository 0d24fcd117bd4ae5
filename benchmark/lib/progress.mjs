// What is said while a run goes on.
import { median } from './figures.mjs'

/** How `name` did in `samples` of one work and round, in a line; undefined when it has none. */
export function progress(samples, name) {
  const own = samples.filter(({ contender }) => contender === name)
  if (own.length === 0) return undefined
  const figure = (key, digits) => median(own.map((sample) => sample[key])).toFixed(digits)
  return 'idle' in own[0]
    ? `${name}: ${figure('idle', 1)} KB idle, ${figure('inflight', 1)} KB with a request`
    : `${name}: ${figure('perSecond', 0)} requests/s, ${figure('cpuProcess', 1)} us of CPU each`
}
