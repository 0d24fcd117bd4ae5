// From single measurements to what is reported.
import { engine, yardstick } from '../contenders.mjs'

export function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * What is reported for each load, and how: `digits` after the point; with `to` nothing but the ratio to that contender, when it
 * was measured.
 */
export const columns = [
  { key: 'perSecond', title: 'requests/s', digits: 0 },
  { key: 'p50', title: 'p50 ms', digits: 2 },
  { key: 'p99', title: 'p99 ms', digits: 2 },
  { key: 'cpuProcess', title: 'CPU us/request', digits: 1 },
  { key: 'cpuProcess', title: 'CPU, x raw hyper', to: engine },
  { key: 'cpuMain', title: 'JS thread us/request', digits: 1 },
  { key: 'rssMegabytes', title: 'RSS MB', digits: 0 },
]

export const memoryColumns = [
  { key: 'idle', title: 'KB/idle connection', digits: 1 },
  { key: 'inflight', title: 'KB/connection with a waiting request', digits: 1 },
  // Two differences apart from what was measured: a ratio would be noise.
  { key: 'request', title: 'KB/request alone', digits: 1, plain: true },
]

/** The same of messages. */
export const websocketColumns = [
  { key: 'perSecond', title: 'messages/s', digits: 0 },
  { key: 'p50', title: 'p50 ms', digits: 2 },
  { key: 'p99', title: 'p99 ms', digits: 2 },
  { key: 'cpuProcess', title: 'CPU us/message', digits: 2 },
  { key: 'cpuProcess', title: 'CPU, x uws', to: 'uws' },
  { key: 'cpuMain', title: 'JS thread us/message', digits: 2 },
  { key: 'rssMegabytes', title: 'RSS MB', digits: 0 },
]

export const websocketIdleColumns = [{ key: 'idle', title: 'KB/idle socket', digits: 1 }]
export const websocketStreamColumns = [{ key: 'idleStream', title: 'KB/idle stream', digits: 1 }]

export const protocolColumns = [
  { key: 'perSecond', title: 'per second', digits: 0 },
  { key: 'cpuProcess', title: 'CPU us each', digits: 1 },
  { key: 'cpuProcess', title: 'CPU, x raw hyper', to: engine },
  { key: 'cpuMain', title: 'JS thread us each', digits: 1 },
  { key: 'cpuClient', title: 'CPU us each of the client', digits: 1, plain: true },
  { key: 'rssMegabytes', title: 'RSS MB', digits: 0 },
]

/** Of layers and files; `to` as in {@link columns}. */
export const rowsColumns = [
  { key: 'perSecond', title: 'requests/s', digits: 0 },
  { key: 'p99', title: 'p99 ms', digits: 2 },
  { key: 'cpuProcess', title: 'CPU us/request', digits: 1 },
  { key: 'cpuProcess', title: 'CPU, x fixed', to: 'fixed' },
  { key: 'cpuProcess', title: 'CPU, x fastify', to: yardstick },
  { key: 'cpuMain', title: 'JS thread us/request', digits: 1 },
  { key: 'bytes', title: 'bytes', digits: 0, plain: true },
]

export const workersColumns = [
  { key: 'perSecond', title: 'requests/s', digits: 0 },
  { key: 'p99', title: 'p99 ms', digits: 2 },
  { key: 'cpuProcess', title: 'CPU us/request', digits: 1 },
  { key: 'rssMegabytes', title: 'RSS MB', digits: 0 },
  { key: 'pssMegabytes', title: 'PSS MB', digits: 0 },
]

export const blockedColumns = [
  { key: 'p50', title: 'p50 ms', digits: 1, plain: true },
  { key: 'p99', title: 'p99 ms', digits: 1, plain: true },
  { key: 'waitedPercent', title: 'waited more than 50 ms, %', digits: 1, plain: true },
]

export const timersColumns = [
  { key: 'perSecond', title: 'requests/s', digits: 0 },
  // Differences from one millisecond, some of them next to nothing: a ratio would be noise.
  { key: 'lateP50', title: 'late, p50 ms', digits: 2, plain: true },
  { key: 'lateP99', title: 'late, p99 ms', digits: 2, plain: true },
  { key: 'lateMax', title: 'late, max ms', digits: 2, plain: true },
  { key: 'ticks', title: 'ticks/s', digits: 0 },
  { key: 'reads', title: 'files/s', digits: 0 },
]

const geometric = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

/** The geometric mean without the lowest and the highest tenth: steadier than the median, and one hiccup does not count. */
export function middle(values) {
  const sorted = values.filter((value) => value > 0).sort((a, b) => a - b)
  const spare = Math.round(sorted.length / 10)
  return sorted.length === 0 ? undefined : geometric(sorted.slice(spare, sorted.length - spare))
}

/** Values of `key` above zero, by what `part` makes of their samples. */
function grouped(samples, key, part) {
  const groups = new Map()
  for (const sample of samples) {
    if (!(sample[key] > 0)) continue
    const name = part(sample)
    groups.set(name, [...(groups.get(name) ?? []), sample[key]])
  }
  return groups
}

/** Time of the CPU: what disturbs a measurement only ever adds to it. */
const isCost = (key) => key.startsWith('cpu')

/** The geometric mean of the lowest fifth, the lowest value when there are fewer than ten: of the turns that were disturbed least. */
function undisturbed(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return geometric(sorted.slice(0, Math.max(1, Math.floor(sorted.length / 5))))
}

/**
 * The median over all slices of each figure, and its ratio to the yardstick's. `samples` are
 * `{ round, slice, work, contender, [key]: number }`. There is no ratio of or to nothing, or less than nothing.
 *
 * CPU time is compared over all rounds, the lowest fifth of the turns of either: a neighbour of the machine slows most turns, and a
 * large program more than a small one, but the turns that it leaves alone cost about the same in every round. All else is compared by
 * slices, seconds apart - what a noisy moment does to one it does to the other - and the ratio is their middle.
 */
export function summarize(samples, key, work, contender, yardstick) {
  const of = (name) => samples.filter((sample) => sample.work === work && sample.contender === name)
  const part = isCost(key) ? () => 'all rounds' : ({ round, slice }) => `${round}/${slice}`
  const mean = isCost(key) ? undisturbed : geometric
  const own = of(contender)
  const others = grouped(of(yardstick), key, part)
  const ratios = [...grouped(own, key, part)]
    .filter(([name]) => others.has(name))
    .map(([name, values]) => mean(values) / mean(others.get(name)))
  return { value: median(own.map((sample) => sample[key])), ratio: middle(ratios) }
}
