import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { typeError } from '../errors.js'

/**
 * The module that a worker runs: `entry` of the options, by default the one that this process runs.
 *
 * @throws TypeError `ARMATURE_OPTION_INVALID` when there is none, as in a REPL
 */
export function entryPath(entry: string | null): string {
  if (entry !== null) return entry.startsWith('file:') ? fileURLToPath(entry) : resolve(entry)
  const [, script] = process.argv
  // Given without its extension, or as a folder, it is found as Node.js has found it.
  const found = require.main?.filename ?? resolved(script)
  if (found === undefined || !isAbsolute(found)) {
    throw typeError('ARMATURE_OPTION_INVALID', {
      option: 'workers',
      value: 'a number of threads in a process that runs no module',
      allowed: 'enough to start them: name the module, workers: { count, entry }',
    })
  }
  return found
}

function resolved(script: string | undefined): string | undefined {
  if (script === undefined) return undefined
  try {
    return require.resolve(script)
  } catch {
    return script
  }
}
