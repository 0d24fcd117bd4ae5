// src/ -> dist/: tsc, then the ES module re-exports. Skipped when inputs and outputs are those of the last build.
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { digest, filesOf, readStamp, writeStamp } from './digest.mjs'
import { bin, root } from './paths.mjs'
import { writeReexports } from './reexports.mjs'
import { node } from './run.mjs'

const inputs = [
  ...['src', 'native/binding.cjs', 'native/binding.d.cts', 'package.json', 'tsconfig.json'],
  ...['node_modules/typescript/package.json', 'node_modules/@types/node/package.json'],
  ...['scripts/lib/build-ts.mjs', 'scripts/lib/reexports.mjs'],
]
const stamp = (input) => `${input} ${digest(root, ['dist'])}`

/** Resolves to whether it worked. */
export async function buildTs() {
  const input = digest(root, inputs) // Taken first: what changes while we build is stale afterwards.
  if (readStamp('ts') === stamp(input)) return true
  const { code, stdout } = await node([bin.tsc, '-p', 'tsconfig.json', '--listEmittedFiles'], {
    stdout: 'pipe',
  })
  const emitted = [...stdout.matchAll(/^TSFILE: (.*)$/gm)].map((match) => resolve(root, match[1].trim()))
  if (code !== 0) {
    process.stdout.write(stdout.replace(/^TSFILE: .*\n/gm, ''))
    return false
  }
  try {
    emitted.push(...(await writeReexports(root)))
  } catch (error) {
    console.error(error.message)
    return false
  }
  const current = new Set(emitted)
  for (const file of filesOf(root, 'dist')) {
    if (!current.has(join(root, file))) rmSync(join(root, file))
  }
  writeStamp('ts', stamp(input))
  return true
}
