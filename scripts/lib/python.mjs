// Libraries of Python that tests talk to us with, by pip, kept outside the clone.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { quiet } from './run.mjs'

const cache = join(homedir(), '.cache/armature/python')

/**
 * Installs `specs`, such as `h2==4.4.1`, unless they are there. Resolves to `{ path }`, what `PYTHONPATH` has to be, or to
 * `{ problem }`.
 */
export async function pythonPackages(...specs) {
  const path = join(cache, specs.join('_').replace(/[^\w.]+/g, '-'))
  if (existsSync(path)) return { path }
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'work-'))
  try {
    const { code, output } = await quiet('python3', [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--target',
      work,
      ...specs,
    ])
    if (code !== 0) return { problem: output.trim() }
    try {
      renameSync(work, path) // Complete or not there, whoever else installs them now.
    } catch (error) {
      if (!existsSync(path)) throw error
    }
    return { path }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
