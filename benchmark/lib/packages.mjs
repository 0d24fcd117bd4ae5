// Packages of the benchmark alone, which are no dependencies of the project: installed when they are first needed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.mjs'
import { quiet } from '../../scripts/lib/run.mjs'

const read = (file) => JSON.parse(readFileSync(file, 'utf8'))

/** Version of the package in `folder`. Read when asked for: some are loaded before anything is installed. */
export function installed(folder) {
  const file = join(root, folder, 'package.json')
  return existsSync(file) ? read(file).version : undefined
}

/** Installs what the package.json in `folder` wants; resolves to why it could not, or undefined. */
export async function installPackages(folder) {
  const wanted = Object.entries(read(join(root, folder, 'package.json')).dependencies)
  if (wanted.every(([name, version]) => installed(`${folder}/node_modules/${name}`) === version))
    return undefined
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const { code } = await quiet('npm', args, { cwd: join(root, folder), timeout: 180_000 })
  return code === 0 ? undefined : `npm could not install ${folder}`
}
