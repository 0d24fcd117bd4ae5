// What is made of measurements: the report, the chart, the table of README, the comparison of two runs.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { root as project } from '../../scripts/lib/paths.mjs'
import { quiet } from '../../scripts/lib/run.mjs'
import { keyWorks } from '../works.mjs'
import { chart } from './chart.mjs'
import { compare, compareText } from './compare.mjs'
import { driversSample } from './drivers.mjs'
import { insertResults } from './readme.mjs'
import { reportText } from './report.mjs'
import { websocketSection } from './websocket-section.mjs'
import { unfit, writeResults } from './write.mjs'

const environment = {
  date: '2031-01-02',
  commit: 'abc1234',
  changed: false,
  cpu: '2 x <CPU> & "friends"',
  memory: '4 GB',
  system: 'Linux 7',
  node: '20.19.0',
  rust: '1.95.0',
  versions: { 'armature-inline-async': '0.1.0', 'armature-async': '0.1.0', fastify: '5.0.0', hyper: '1.0.0' },
}
const costs = { 'armature-async': 10, fastify: 20, hyper: 5 }

/** A run in which every contender needs `cost` microseconds for each request. */
function result(cost = costs, more = {}) {
  const samples = [1, 2, 3].flatMap((round) =>
    keyWorks.flatMap((work) =>
      Object.entries(cost).map(([contender, each]) => {
        const cpuMain = contender === 'hyper' ? undefined : each / 4
        const load = { perSecond: 1_000_000 / each, p50: 1, p99: 2, rssMegabytes: 50 }
        return { round, slice: 1, work, contender, ...load, cpuProcess: each * round, cpuMain }
      }),
    ),
  )
  samples.push({ round: 1, work: 'memory', contender: 'armature-async', idle: 10, inflight: 16, request: 6 })
  samples.push({ round: 1, work: 'start', contender: 'fastify', milliseconds: 300, busyMegabytes: 70 })
  return {
    environment,
    settings: {
      work: [...keyWorks, 'memory'],
      rounds: 3,
      slices: 1,
      duration: 2,
      warmup: 1,
      held: 100,
      quick: false,
    },
    samples,
    start: { sizes: { fastify: { bytes: 8 * 2 ** 20, packages: 48 } }, requests: 100_000 },
    micro: [
      { name: 'one parameter', nanoseconds: 40, in: 'Rust' },
      { name: 'JSON response, 2 fields', nanoseconds: 600, in: 'JavaScript' },
    ],
    skipped: ['uws: npm could not install benchmark/uws'],
    problems: [],
    ...more,
  }
}

let folder
afterEach(() => folder && rmSync(folder, { recursive: true, force: true }))
const temporary = () => {
  folder = mkdtempSync(join(tmpdir(), 'armature-bench-'))
  return folder
}

test('the report has the machine, the figures with their ratios, and what is missing', () => {
  const text = reportText(result())
  expect(text).toContain('2031-01-02, commit abc1234; 2 x <CPU>')
  expect(text).toMatch(
    /\| armature-async \| 100,000 \(2\.00x\) \|.* 20\.0 \(0\.50x\) \|\s+2\.00x \|\s+2\.5 \(0\.50x\) \|/,
  )
  expect(text).toMatch(/\| hyper .*\| {2,}- \|/)
  expect(text).toContain('## Left out\n\n- uws: npm could not install benchmark/uws')
  expect(text).not.toContain('## Failed')
  expect(text).not.toContain('undefined')
  expect(text).not.toContain('NaN')
  expect(reportText(result(costs, { problems: ['hono, round 1: broke'] }))).toContain('## Failed\n\n- hono')
})

test('the report of small pieces alone speaks of no servers', () => {
  const text = reportText(result(costs, { samples: [], skipped: [] }))
  expect(text).toContain('## Small pieces')
  expect(text).not.toMatch(/wrk|yardstick|KB|\n\.\n/)
})

test('targets say whether they are reached', () => {
  const row = (what) => new RegExp(`\\| ${what}[^|]*\\|(.*)\\|`).exec(reportText(result()))[1].trim()
  expect(row('finding a route')).toMatch(/0\.05 \|\s+0\.040 \| reached/)
  expect(row('building a JSON')).toMatch(/0\.5 \|\s+0\.60 \|\s+missed/)
  expect(row('memory of a waiting')).toMatch(/5 \|\s+6\.0 \|\s+missed/)
})

test('the engine without a framework has its own column and targets, when it was measured', () => {
  const of = (samples) => reportText(result(costs, { samples }))
  const { samples } = result()
  expect(of(samples)).toMatch(/\| armature-async \|.* 20\.0 \(0\.50x\) \|\s+2\.00x \|/)
  expect(of(samples.filter(({ contender }) => contender !== 'hyper'))).not.toContain('CPU, x raw hyper')
  const text = reportText(result({ 'armature-inline-sync': 5.4, fastify: 20, hyper: 5 }))
  expect(text).toMatch(/`user`: CPU of armature-inline-sync, x raw hyper \|\s+1\.1 \|\s+1\.08 \| reached/)
})

test('timers under load have a table for each load', () => {
  const late = { lateP50: 0.25, lateP99: 1.5, lateMax: 4, ticks: 700, reads: 2000 }
  const samples = ['timers', 'timers-pipelined'].flatMap((work) => [
    { round: 1, work, contender: 'armature-async', perSecond: 50_000, ...late },
    { round: 1, work, contender: 'fastify', perSecond: 25_000, ...late, ticks: 350, reads: 500 },
  ])
  const text = reportText(result(costs, { samples }))
  expect(text).toContain('## Timers and other I/O of the process under load')
  const row =
    /\| armature-async \| 50,000 \(2\.00x\) \| +0\.25 \| +1\.50 \| +4\.00 \| 700 \(2\.00x\) \| 2,000 \(4\.00x\) \|/g
  expect(text.match(row)).toHaveLength(2)
  expect(reportText(result())).not.toContain('## Timers')
})

test('the drivers are compared with each other, not with the yardstick', () => {
  const sample = (set, contender, perSecond, cpuProcess) => ({
    ...{ round: 1, slice: 1, work: driversSample(set, 'compute'), contender },
    ...{ perSecond, cpuProcess },
  })
  const samples = [
    sample('one', 'armature-inline-async', 3000, 10),
    sample('one', 'armature-async', 2000, 20),
    sample('all', 'armature-inline-async', 4000, 15),
    sample('all', 'armature-async', 5000, 20),
  ]
  const settings = { ...result().settings, cores: 2 }
  const text = reportText(result(costs, { samples, settings }))
  expect(text).toContain("## `io: 'auto'`")
  expect(text).toContain('it has 1 IO thread.')
  expect(text).toMatch(
    /\| GET that computes \| +1 \| +3,000 \(1\.50x\) \| +2,000 \| +10\.0 \(0\.50x\) \| +20\.0 \|/,
  )
  expect(text).toMatch(/\| GET that computes \| +2 \| +4,000 \(0\.80x\) \| +5,000 \| +15\.0 \(0\.75x\) \|/)
  expect(text).not.toMatch(/undefined|NaN/)
  expect(reportText(result())).not.toContain("io: 'auto'")
})

test('layers and files have tables of their own, and their targets may be the least that is wanted', () => {
  const sample = (work, contender, perSecond, cpuProcess) => ({
    ...{ round: 1, slice: 1, work, contender, perSecond, cpuProcess, cpuMain: 1, bytes: 1024 },
  })
  const samples = [
    sample('layers: idle', 'without layers', 100_000, 10),
    sample('layers: idle', 'ten layers', 90_000, 11),
    sample('layers: hit', 'armature-async', 100_000, 9),
    sample('layers: hit', 'fastify', 25_000, 30),
    sample('layers: hit', 'fixed', 110_000, 8),
    sample('files: 1 KB', 'armature-async', 100_000, 9),
    sample('files: 1 KB', 'nginx', 125_000, 10),
    sample('files: 1 KB', 'fastify', 5_000, 120),
  ]
  const plugins = {
    '@fastify/compress': '9.0.0',
    '@fastify/rate-limit': '11.0.0',
    '@fastify/static': '9.0.0',
  }
  const versions = { ...environment.versions, ...plugins, nginx: '1.22.1' }
  const text = reportText(result(costs, { samples, environment: { ...environment, versions } }))
  expect(text).toContain('nginx 1.22.1 with one worker')
  expect(text).toMatch(/\| ten layers +\| +90,000 \(0\.90x\)/)
  expect(text).toMatch(/CPU, x fixed .*\n.*\n\| armature-async \| 100,000 \(4\.00x\) .* 1\.13x /)
  expect(text).toMatch(/\| ten idle layers[^|]*\| at least 0\.85 \| +0\.90 \| reached/)
  expect(text).toMatch(/\| a file of 1 KB: CPU, x nginx +\| +0\.8 \| +0\.90 \| +missed/)
  expect(text).toMatch(/\| a file of 1 KB: CPU, x fastify +\| +0\.1 \| +0\.075 \| reached/)
  expect(text).not.toContain('undefined')
  expect(reportText(result())).not.toMatch(/## (Native layers|Files)/)
})

test('the chart is well-formed, to scale, and readable in the dark', () => {
  const svg = chart(result())
  expect(svg).toContain('prefers-color-scheme: dark')
  expect(svg).toContain('&#60;CPU&#62; &#38; &#34;friends&#34;')
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  const texts = [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map((match) => match[1])
  expect(texts).toContain('100,000 (2.00x)')
  const widths = [...svg.matchAll(/width="([\d.]+)" height="14" class="(\w+)"/g)].map(([, width]) =>
    Number(width),
  )
  // armature-async, fastify, hyper: requests per second, then CPU time.
  expect(widths.slice(0, 6)).toEqual([95, 47.5, 190, 95, 190, 47.5])
  const open = [...svg.matchAll(/<(\w+)(?: [^>]*[^/])?>/g)].map((match) => match[1])
  const close = [...svg.matchAll(/<\/(\w+)>/g)].map((match) => match[1])
  expect(open.sort()).toEqual(close.sort())
})

test('what is far more expensive than the yardstick is drawn shorter, with a gap', () => {
  const widths = (cost) =>
    [...chart(result({ fastify: 20, ...cost })).matchAll(/width="([\d.]+)" height="14"/g)].map(([, width]) =>
      Number(width),
    )
  // fastify, express: requests per second, then CPU time.
  expect(widths({ express: 50 }).slice(2, 4)).toEqual([76, 190])
  expect(widths({ express: 500 }).slice(2, 5)).toEqual([76, 174, 12])
})

test('nothing to draw is no chart', () => {
  expect(chart({ samples: [], environment })).toBeUndefined()
})

test('the table goes between the markers of README, again and again', () => {
  const readme = 'a\n<!-- results -->\nold\n<!-- /results -->\nb\n'
  const once = insertResults(readme, 'new')
  expect(once).toBe('a\n<!-- results -->\nnew\n<!-- /results -->\nb\n')
  expect(insertResults(once, 'new')).toBe(once)
  expect(insertResults('a\n', 'new')).toBeUndefined()
  expect(insertResults('<!-- /results --> <!-- results -->', 'new')).toBeUndefined()
})

test('a complete run writes three files; README may lack the markers', () => {
  const root = temporary()
  mkdirSync(join(root, 'benchmark'))
  writeFileSync(join(root, 'README.md'), '# A\n')
  expect(writeResults(root, result()).join('\n')).toContain('README.md has no <!-- results -->')
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe('# A\n')
  writeFileSync(join(root, 'README.md'), '# A\n<!-- results -->\n<!-- /results -->\n')
  expect(writeResults(root, result())).toContain('wrote the table of README.md')
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  expect(readme).toContain('](benchmark/results.svg)')
  expect(readme).toMatch(/\| armature-async \|\s+20\.0 \(0\.50x\) \|/)
  expect(readFileSync(join(root, 'benchmark/RESULTS.md'), 'utf8')).toBe(reportText(result()))
})

test('a quick run and one without the yardstick are not written down', () => {
  expect(unfit(result())).toBeUndefined()
  expect(unfit(result(costs, { settings: { quick: true } }))).toContain('quick')
  expect(unfit(result({ hyper: 5 }))).toContain('was not measured for fastify')
})

test('two runs agree when no ratio differs by more than 10 %, however fast the machine was', () => {
  const twiceAsSlow = { 'armature-async': 21, fastify: 40, hyper: 10 }
  const same = compare(result(), result(twiceAsSlow))
  expect(same).toMatchObject({ agree: true, notes: [] })
  expect(compareText(same)).toContain('They agree: 9 ratios')

  const other = compare(result(), result({ 'armature-async': 12, fastify: 20, hyper: 5 }))
  expect(other.agree).toBe(false)
  expect(compareText(other)).toContain('6 of 9 ratios differ by more than 10 %')
})

test('two runs that have nothing in common do not agree', () => {
  const verdict = compare(result({ fastify: 20, hyper: 5 }), result({ fastify: 20, hono: 25 }))
  expect(verdict.agree).toBe(false)
  expect(compareText(verdict)).toContain('nothing to compare')
  expect(verdict.notes).toContain('user, hono, CPU: only in the second')
})

test('--compare and --from work from files', async () => {
  const root = temporary()
  const [a, b] = ['a.json', 'b.json'].map((name) => join(root, name))
  // Results of an older run have more in them.
  writeFileSync(a, JSON.stringify(result(costs, { calm: { turns: 9, repeated: 1, disturbed: 2 } })))
  writeFileSync(b, JSON.stringify(result({ 'armature-async': 15, fastify: 20, hyper: 5 })))
  const bench = (...args) => quiet(process.execPath, [join(project, 'benchmark/run.mjs'), ...args])
  expect(await bench('--compare', a, a)).toMatchObject({ code: 0, output: expect.stringContaining('agree') })
  expect((await bench('--compare', a, b)).code).toBe(1)
  expect((await bench('--compare', a)).output).toContain('--compare takes two files')
  expect((await bench('--from', a)).output).toContain('# Benchmark results')
})

test('silent sockets and silent streams of events have tables of their own', () => {
  const sample = (work, contender, figures) => ({ round: 1, slice: 1, work, contender, ...figures })
  const samples = [
    sample('websocket: broadcast, compressed', 'ws', { perSecond: 10, cpuProcess: 20 }),
    sample('websocket: broadcast, compressed', 'armature-async', { perSecond: 50, cpuProcess: 4 }),
    sample('websocket: idle streams', 'ws', { idleStream: 10 }),
    sample('websocket: idle streams', 'armature-async', { idleStream: 4 }),
  ]
  const text = websocketSection({ samples, settings: { held: 100 } })
  expect(text).toContain('100 streams of events that say nothing')
  expect(text).not.toContain('100 sockets that say nothing')
  expect(text).toMatch(/armature-async .*4\.0 \(0\.40/)
  expect(text).toMatch(/armature-async .*50 \(5\.00/)
})
