// What is said while a run goes on.
import { median } from './figures.mjs'

/** How `name` did in `samples` of one work and round, in a line; undefined when it has none. */
export function progress(samples, name) {
  const own = samples.filter(({ contender }) => contender === name)
  if (own.length === 0) return undefined
  const figure = (key, digits) => median(own.map((sample) => sample[key])).toFixed(digits)
  if ('idle' in own[0]) {
    const busy = 'inflight' in own[0] ? `, ${figure('inflight', 1)} KB with a request` : ''
    return `${name}: ${figure('idle', 1)} KB idle${busy}`
  }
  if ('idleStream' in own[0]) return `${name}: ${figure('idleStream', 1)} KB each`
  if ('waitedPercent' in own[0]) return `${name}: 99 % within ${figure('p99', 1)} ms`
  const rate = `${name}: ${figure('perSecond', 0)} requests/s`
  return 'lateP99' in own[0]
    ? `${rate}, timers ${figure('lateP50', 2)} ms late, 99 %: ${figure('lateP99', 2)}`
    : `${rate}, ${figure('cpuProcess', 1)} us of CPU each`
}
