// Where something was measured, as facts that somebody else can compare with theirs.
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem, type } from 'node:os'
import { root } from '../../scripts/lib/paths.mjs'
import { versions } from '../contenders.mjs'

function output(program, ...args) {
  try {
    const stdio = ['ignore', 'pipe', 'ignore']
    return execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio }).trim()
  } catch {
    return undefined
  }
}

export function environment() {
  const processors = cpus()
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: output('git', 'rev-parse', '--short', 'HEAD'),
    changed: Boolean(output('git', 'status', '--porcelain', '--untracked-files=no')),
    cpu: `${processors.length} x ${processors[0].model.trim()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${type()} ${release()}`,
    node: process.versions.node,
    rust: output('rustc', '--version')?.split(' ')[1],
    versions: versions(),
  }
}

/** The machine, in one line. */
export const machine = ({ cpu, memory, system, node, rust }) =>
  `${cpu}, ${memory}, ${system}; Node.js ${node}${rust ? `, Rust ${rust}` : ''}`

/** The day and the commit, in one line. */
export const when = ({ date, commit, changed }) =>
  [date, commit && `commit ${commit}${changed ? ' with uncommitted changes' : ''}`].filter(Boolean).join(', ')
