// The tarballs of a release: one for each platform, with its binary, the root without any, and the packages beside it.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { packageFolders } from '../lib/packages.mjs'
import { bin, root } from '../lib/paths.mjs'
import { run } from '../lib/run.mjs'
import { packageManifest, releaseManifest } from './manifest.mjs'

const licences = ['LICENSE', 'LICENSE-APACHE', 'LICENSE-MIT']
const readManifest = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
const writeManifest = (folder, manifest) =>
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)

async function output(command, args, cwd) {
  const { code, stdout, stderr } = await run(command, args, { cwd, stdout: 'pipe', stderr: 'pipe' })
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with code ${code}\n${stdout}${stderr}`)
  return stdout
}

/** `npm pack` of every folder, in one go: `[{ name, file, files, unpackedSize }]`, `file` being the tarball. */
async function pack(folders, out) {
  const args = ['pack', ...folders, '--json', '--ignore-scripts', '--pack-destination', out]
  return JSON.parse(await output('npm', args, root)).map(({ name, filename, files, unpackedSize }) => ({
    name,
    file: join(out, filename),
    files: files.map(({ path }) => path),
    unpackedSize,
  }))
}

/** A folder for each of `napi.targets`, with its package.json, as napi makes it. */
async function platformFolders(work) {
  copyFileSync(join(root, 'package.json'), join(work, 'package.json'))
  await output(process.execPath, [bin.napi, 'create-npm-dirs', '--cwd', work, '--npm-dir', 'npm'], root)
  return readdirSync(join(work, 'npm'))
    .sort()
    .map((name) => join(work, 'npm', name))
}

/** Puts binary and licences into the folder of a platform; false when there is no binary and none is needed. */
function fill(folder, binaries, partial) {
  const manifest = readManifest(folder)
  const { name, main } = manifest
  const found = readdirSync(binaries, { recursive: true }).find((file) => basename(file) === main)
  if (found === undefined && partial) return false
  if (found === undefined) throw new Error(`${name}: there is no ${main} below ${binaries}`)
  copyFileSync(join(binaries, found), join(folder, main))
  for (const licence of licences) copyFileSync(join(root, licence), join(folder, licence))
  writeManifest(folder, { ...manifest, files: [main, 'LICENSE*'] })
  return true
}

/** Copies what `npm pack` would take from `from`, but for binaries, to `folder`. */
async function copyPacked(from, folder) {
  const [{ files }] = JSON.parse(
    await output('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], from),
  )
  for (const { path } of files) {
    if (path.endsWith('.node')) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(from, path), join(folder, path))
  }
}

/** The root as `npm pack` would take it here, but for its binary and its manifest. */
async function rootFolder(work, platformPackages) {
  const folder = join(work, 'root')
  await copyPacked(root, folder)
  writeManifest(folder, releaseManifest(readManifest(root), platformPackages))
  return folder
}

/** A package of packages/ likewise, with the licences. */
async function packageFolder(work, path) {
  const folder = join(work, path)
  await copyPacked(join(root, path), folder)
  for (const licence of licences) copyFileSync(join(root, licence), join(folder, licence))
  writeManifest(folder, packageManifest(readManifest(join(root, path))))
  return folder
}

/**
 * Packs what `napi.targets` names from the `*.node` files below `binaries`, and the built root and packages, into `out`.
 * `partial`: leaves out platforms without a binary, where it is an error otherwise.
 * Resolves to `{ version, root, platforms, packages }`: what {@link pack} says about each tarball.
 */
export async function packRelease({ binaries, out, partial = false }) {
  if (!existsSync(join(root, 'dist/index.mjs'))) throw new Error('dist/ is missing: npm run build:ts')
  const work = join(resolve(out), '.work')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const folders = await platformFolders(work)
  const filled = folders.filter((folder) => fill(folder, resolve(binaries), partial))
  const names = filled.map((folder) => readManifest(folder).name)
  if (names.length === 0) throw new Error(`there is no binary below ${binaries}`)
  const beside = []
  for (const path of packageFolders(root)) beside.push(await packageFolder(work, path))
  const all = [await rootFolder(work, names), ...filled, ...beside]
  const [packed, ...others] = await pack(all, resolve(out))
  rmSync(work, { recursive: true })
  const [platforms, packages] = [others.slice(0, filled.length), others.slice(filled.length)]
  return { version: readManifest(root).version, root: packed, platforms, packages }
}
