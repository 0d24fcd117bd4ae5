// node_modules as package-lock.json wants it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, step } from './log.mjs'
import { root } from './paths.mjs'
import { run } from './run.mjs'

/**
 * Why `npm ci` is needed, or undefined. npm writes what it installed into node_modules/.package-lock.json; every
 * package of package-lock.json has to be there in the same version (packages for other platforms may be absent).
 */
export function staleInstall(folder) {
  const read = (path) => JSON.parse(readFileSync(join(folder, path), 'utf8')).packages
  if (!existsSync(join(folder, 'node_modules/.package-lock.json'))) return 'node_modules is missing'
  const wanted = read('package-lock.json')
  const installed = read('node_modules/.package-lock.json')
  for (const [path, { version, integrity, optional, link }] of Object.entries(wanted)) {
    if (!path.startsWith('node_modules/')) continue
    const have = installed[path]
    if (!have && optional) continue
    if (!have || !existsSync(join(folder, path))) return `${path} is missing`
    if (!link && (have.version !== version || have.integrity !== integrity))
      return `${path} is another version`
  }
  return undefined
}

/** Runs `npm ci` when node_modules is missing or does not match the lock file. */
export async function ensureInstalled() {
  const reason = staleInstall(root)
  if (!reason) return
  step(`npm ci (${reason})`)
  const npm = process.env.npm_execpath // Set when npm runs us; its own file, so no shell is needed on Windows.
  const { code } = npm
    ? await run(process.execPath, [npm, 'ci', '--no-audit', '--no-fund'])
    : await run('npm', ['ci', '--no-audit', '--no-fund'])
  if (code !== 0)
    fail('npm ci failed', 'Its message is above. A proxy or an unreachable registry is the usual cause.')
}
