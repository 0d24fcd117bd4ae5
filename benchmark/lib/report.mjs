// The whole report: where it was measured, how, and the tables.
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import { contenders as all, yardstick } from '../contenders.mjs'
import { works } from '../works.mjs'
import { idleTable, workTable } from './table.mjs'

/** The machine and the versions, as facts that somebody else can compare with theirs. */
export function environment() {
  const processors = cpus()
  let commit
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    commit = undefined
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    commit,
    cpu: `${processors.length} x ${processors[0].model.trim()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${type()} ${release()}`,
    node: process.versions.node,
    versions: Object.fromEntries(Object.entries(all).map(([name, { version }]) => [name, version])),
  }
}

export function reportText({ environment, settings, samples, problems }) {
  const contenders = Object.keys(all)
  const versions = contenders.map((name) => `${name} ${environment.versions[name]}`).join(', ')
  const sections = settings.work
    .filter((work) => samples.some((sample) => sample.work === work))
    .map((work) =>
      work === 'idle'
        ? `## Memory of an idle connection\n\n${settings.idle} connections, one request each, then silence; garbage collected.\n\n${idleTable(samples, contenders, yardstick)}`
        : `## ${works[work].title}\n\n${workTable(samples, work, contenders, yardstick)}`,
    )
  const failed =
    problems.length > 0 ? [`## Not measured\n\n${problems.map((problem) => `- ${problem}`).join('\n')}`] : []
  return `# Benchmark results

${environment.date}${environment.commit ? `, commit ${environment.commit}` : ''}; ${environment.cpu}, ${environment.memory}, ${environment.system}; Node.js ${environment.node}.
${versions}.

wrk on the same machine, ${settings.connections} connections, ${settings.duration} s after ${settings.warmup} s of warm-up, medians of ${settings.rounds} interleaved rounds. In
parentheses: the multiple of ${yardstick}'s figure, median of the ratios within each round. CPU is that of the server process for
one request; "JS thread" is its main thread alone. Made with \`npm run bench -- --write\`.

${[...sections, ...failed].join('\n\n')}
`
}
