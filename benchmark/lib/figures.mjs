// From single measurements to what is reported.

export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** What is reported for each load, and how: `digits` after the point. */
export const columns = [
  { key: 'perSecond', title: 'requests/s', digits: 0 },
  { key: 'p50', title: 'p50 ms', digits: 2 },
  { key: 'p99', title: 'p99 ms', digits: 2 },
  { key: 'cpuProcess', title: 'CPU us/request', digits: 1 },
  { key: 'cpuMain', title: 'JS thread us/request', digits: 1 },
  { key: 'rssMegabytes', title: 'RSS MB', digits: 0 },
]

export const memoryColumns = [
  { key: 'idle', title: 'KB/idle connection', digits: 1 },
  { key: 'inflight', title: 'KB/connection with a waiting request', digits: 1 },
  // Two differences apart from what was measured: a ratio would be noise.
  { key: 'request', title: 'KB/request alone', digits: 1, plain: true },
]

/**
 * The median over all rounds of each figure, and of its ratio to the yardstick's figure in the same round: what a noisy
 * minute does to one it does to the other. `samples` are `{ round, work, contender, [key]: number }`. A ratio to nothing,
 * or to less than nothing, is none.
 */
export function summarize(samples, key, work, contender, yardstick) {
  const own = samples.filter((sample) => sample.work === work && sample.contender === contender)
  const ratios = own.map((sample) => {
    const other = samples.find(
      (each) => each.work === work && each.contender === yardstick && each.round === sample.round,
    )
    return other?.[key] > 0 ? sample[key] / other[key] : undefined
  })
  return { value: median(own.map((sample) => sample[key])), ratio: median(ratios) }
}
