// Who is compared. Fastify is the yardstick: every figure is also given as a multiple of its figure in the same round.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, targetDir } from '../scripts/lib/paths.mjs'
import { run } from '../scripts/lib/run.mjs'

export const yardstick = 'fastify'

const version = (name) =>
  JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
const script = (file, ...args) => [
  process.execPath,
  '--expose-gc',
  join(root, 'benchmark/servers', file),
  ...args,
]
const installed = (file, name) => ({ version: version(name), command: script(file), javascript: true })

async function buildHyper() {
  const manifest = join(root, 'benchmark/hyper/Cargo.toml')
  const target = join(targetDir, 'benchmark')
  const { code } = await run('cargo', [
    'build',
    '--release',
    '--quiet',
    '--manifest-path',
    manifest,
    '--target-dir',
    target,
  ])
  return code === 0 ? undefined : 'cargo could not build it'
}

async function armatureIsBuilt() {
  return existsSync(join(root, 'dist/index.mjs')) ? undefined : 'not built: npm run build'
}

/** By name: `{ version, command, javascript, prepare? }`; `prepare` resolves to why it cannot take part. */
export const contenders = {
  'armature-sync': {
    ...installed('armature.mjs', '@armature/core'),
    command: script('armature.mjs', '--sync'),
    prepare: armatureIsBuilt,
  },
  'armature-async': { ...installed('armature.mjs', '@armature/core'), prepare: armatureIsBuilt },
  fastify: installed('fastify.mjs', 'fastify'),
  'node-http': { version: process.versions.node, command: script('node-http.mjs'), javascript: true },
  hono: installed('hono.mjs', 'hono'),
  express: installed('express.mjs', 'express'),
  hyper: {
    version: /name = "hyper"\nversion = "([^"]+)"/.exec(
      readFileSync(join(root, 'benchmark/hyper/Cargo.lock'), 'utf8'),
    )?.[1],
    command: [join(targetDir, 'benchmark/release/benchmark-hyper')],
    javascript: false,
    prepare: buildHyper,
  },
}
