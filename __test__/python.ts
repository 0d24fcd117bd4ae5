// Packages of Python that tests use as peers, installed with pip below ~/.cache/armature, outside the clone.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'

const cache = join(homedir(), '.cache/armature/python')

/**
 * The variables with which python3 finds `spec`; skips the test where it cannot be had, and fails it in CI. `fromSource`: a package that
 * is not published built, and has nothing that would have to be compiled.
 */
export function needsPython(
  t: TestContext,
  spec: string,
  { fromSource = '' }: { fromSource?: string } = {},
): { PYTHONPATH: string } {
  const target = join(cache, spec)
  if (existsSync(target)) return { PYTHONPATH: target }
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'new-'))
  const built = ['--only-binary=:all:', ...(fromSource === '' ? [] : [`--no-binary=${fromSource}`])]
  const pip = ['-m', 'pip', 'install', '--quiet', ...built, '--target', work, spec]
  const { status, stderr } = spawnSync('python3', pip, { encoding: 'utf8' })
  if (status !== 0) {
    if (process.env.CI) throw new Error(`${spec} cannot be installed: ${stderr}`)
    t.skip(`${spec} cannot be installed`)
  }
  // Complete or not there, whoever else installs it now.
  if (!existsSync(target)) renameSync(work, target)
  return { PYTHONPATH: target }
}
