// Libraries that take the place of functions of the system, so that it does what it does only on a bad day.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** Compiles `source` into `folder`; returns what a command is started with to have it. */
export function preload(folder: string, source: string): string[] {
  const library = join(folder, 'preload.so')
  const built = spawnSync('cc', ['-shared', '-fPIC', '-x', 'c', '-o', library, '-'], { input: source })
  if (built.status !== 0) throw new Error(`cc: ${built.error ?? built.stderr}`)
  return ['env', `LD_PRELOAD=${library}`]
}
