// The arithmetic of the benchmark.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { document } from '../works.mjs'
import { median, middle, summarize } from './figures.mjs'
import { cpu, cpuBetween, cpuOf, rss, runTimeOf } from './proc.mjs'
import { markdown } from './table.mjs'
import { parseReport } from './wrk.mjs'

test('the document of the echo has 500 bytes', () => {
  expect(Buffer.byteLength(document(500))).toBe(500)
  expect(document(500, 'a')).not.toBe(document(500, 'b'))
})

test('median', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([1, Number.NaN, undefined])).toBe(1)
  expect(median([])).toBeUndefined()
})

test('the middle: neither the lowest nor the highest tenth', () => {
  expect(middle([2, 8])).toBeCloseTo(4)
  expect(middle([1, 2, 4, 8, 1000, 0, undefined])).toBeCloseTo(4)
  expect(middle([])).toBeUndefined()
})

test('ratios are taken within a slice of a round, to all turns of the yardstick', () => {
  const sample = (round, slice, contender, perSecond) => ({
    round,
    slice,
    work: 'hello',
    contender,
    perSecond,
  })
  const samples = [
    ...[sample(1, 1, 'a', 20), sample(1, 1, 'fastify', 5), sample(1, 1, 'fastify', 20)],
    ...[sample(1, 2, 'a', 4), sample(1, 2, 'fastify', 4), sample(2, 1, 'a', 4), sample(2, 1, 'fastify', 1)],
  ]
  const of = (name, kept = samples) => summarize(kept, 'perSecond', 'hello', name, 'fastify')
  expect(of('a').value).toBe(4)
  expect(of('a').ratio).toBeCloseTo(2)
  expect(of('fastify').ratio).toBe(1)
  expect(of('a', samples.slice(0, 1))).toEqual({ value: 20, ratio: undefined })
})

test('CPU time is compared by the lowest fifth of the turns of all rounds', () => {
  const turns = (round, contender, costs) =>
    costs.map((cpuProcess, slice) => ({ round, slice, work: 'hello', contender, cpuProcess }))
  const samples = [
    ...turns(1, 'a', [9, 2, 30, 9, 5]),
    // Slower all the time: it has no part in what is compared.
    ...turns(2, 'a', [20, 12, 11, 8, 13]),
    ...turns(1, 'fastify', [70, 50, 90, 60]),
    ...turns(3, 'fastify', [80, 8, 10]),
    ...turns(1, 'b', [7, 0, 4, 6]),
  ]
  const of = (name, other = 'fastify') => summarize(samples, 'cpuProcess', 'hello', name, other)
  // The lowest two of ten, and the lowest of seven.
  expect(of('a').ratio).toBeCloseTo(Math.sqrt(2 * 5) / 8)
  expect(of('a').value).toBe(10)
  expect(of('b').ratio).toBeCloseTo(0.5)
  expect(of('fastify').ratio).toBe(1)
  expect(of('a', 'c').ratio).toBeUndefined()
})

test('there is no ratio to nothing, nor to less', () => {
  const samples = [0, -3].flatMap((other, index) => [
    { round: index, work: 'memory', contender: 'a', idle: 5 },
    { round: index, work: 'memory', contender: 'fastify', idle: other },
  ])
  expect(summarize(samples, 'idle', 'memory', 'a', 'fastify')).toEqual({ value: 5, ratio: undefined })
})

test('wrk reports numbers, and failures as errors', () => {
  const line = (more) =>
    `x\n@@${JSON.stringify({ requests: 100, microseconds: 2_000_000, p50: 1, p99: 2, status: 0, socket: 0, timeout: 0, ...more })}\n`
  expect(parseReport(line())).toEqual({ requests: 100, perSecond: 50, p50: 1, p99: 2 })
  expect(() => parseReport(line({ status: 3 }))).toThrow('3 answers were not 2xx')
  expect(() => parseReport(line({ requests: 0 }))).toThrow('nothing was answered')
  expect(() => parseReport('unable to connect')).toThrow('unable to connect')
  const refused = (status) => parseReport(line({ status }), { refused: true })
  expect(refused(100)).toMatchObject({ requests: 100 })
  expect(() => refused(98)).toThrow('2 answers were no refusals')
})

test('CPU time is that between two looks, also of threads that are new', () => {
  expect(cpuOf(`1 (a) b) ${'S '.repeat(11)}200 100 0 0`)).toBe(3_000_000)
  expect(runTimeOf('1500000 20 3\n')).toBe(1500)
  const before = new Map(Object.entries({ 7: 100, 8: 50, 9: 10 }))
  const after = new Map(Object.entries({ 7: 130, 8: 55, 10: 2 }))
  expect(cpuBetween(7, before, after)).toEqual({ process: 37, main: 30 })
})

test.runIf(process.platform === 'linux')('CPU time and memory of this process', () => {
  const before = cpu(process.pid)
  const begin = process.cpuUsage()
  const used = () => {
    const { user, system } = process.cpuUsage(begin)
    return user + system
  }
  while (used() < 100_000) readFileSync('/proc/self/stat')
  const spent = cpuBetween(process.pid, before, cpu(process.pid))
  // The kernel's counter may be a tick behind.
  expect(spent.process).toBeGreaterThan(70_000)
  expect(spent.main).toBeGreaterThan(0)
  expect(spent.main).toBeLessThanOrEqual(spent.process)
  expect(rss(process.pid)).toBeGreaterThan(10_000_000)
})

test('tables are aligned', () => {
  expect(
    markdown([
      ['a', 'b'],
      ['long', '1'],
    ]),
  ).toBe('| a    |   b |\n|------|----:|\n| long |   1 |')
})
