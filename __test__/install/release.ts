import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { root } from '../../scripts/lib/paths.mjs'
import { quiet } from '../../scripts/lib/run.mjs'
import { packRelease } from '../../scripts/release/pack.mjs'
import { publishRelease } from '../../scripts/release/publish.mjs'
import { startRegistry } from '../../scripts/testing/registry.mjs'

export interface Tarball {
  name: string
  file: string
  files: string[]
}

/** A release in a registry of its own, and a folder for what installs it. */
export interface Release {
  folder: string
  version: string
  root: Tarball
  /** The package of this machine, and that of another one, whose binary is no binary. */
  platform: Tarball
  foreign: Tarball
  /** Publishes once more, as somebody does whose release was interrupted. */
  again(): Promise<{ name: string; published: boolean }[]>
  /** Runs npm, as somebody with no settings would, in a folder below `folder`. */
  npm(args: string[], app: string): Promise<{ code: number; output: string }>
  /** An empty project in which `npm install @armature/core` was run. */
  install(app: string, manifest?: object, flags?: string[]): Promise<string>
  close(): Promise<void>
}

/** Packs the tree as a release does and publishes it to a registry on loopback. */
export async function release(): Promise<Release> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'armature-install-')))
  const registry = await startRegistry(join(folder, 'registry'))
  const binaries = join(folder, 'binaries')
  mkdirSync(binaries)
  const [ours] = readdirSync(join(root, 'native')).filter((name) => name.endsWith('.node'))
  if (ours === undefined) throw new Error('native/ has no binary: npm run build:native')
  copyFileSync(join(root, 'native', ours), join(binaries, ours))
  const theirs = ours.includes('linux-x64-musl') ? 'linux-x64-gnu' : 'linux-x64-musl'
  writeFileSync(join(binaries, `armature.${theirs}.node`), 'not a binary\n')

  const packed = await packRelease({ binaries, out: join(folder, 'tarballs'), partial: true })
  const { env } = registry
  const results = await publishRelease({ ...packed, env })
  if (results.some(({ published }) => !published)) throw new Error('the registry was not empty')
  const npm = (args: string[], app: string) => quiet('npm', args, { cwd: join(folder, app), env })
  const named = (suffix: string) =>
    packed.platforms.find(({ name }: Tarball) => name === `@armature/core-${suffix}`) as Tarball
  return {
    folder,
    version: packed.version,
    root: packed.root,
    platform: named(basename(ours, '.node').replace('armature.', '')),
    foreign: named(theirs),
    again: () => publishRelease({ ...packed, env }),
    npm,
    async install(app, manifest = {}, flags = []) {
      mkdirSync(join(folder, app))
      writeFileSync(join(folder, app, 'package.json'), JSON.stringify({ private: true, ...manifest }))
      const { code, output } = await npm(['install', '@armature/core', ...flags], app)
      if (code !== 0) throw new Error(output)
      return join(folder, app)
    },
    async close() {
      await registry.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Puts the compilers and the types of Node.js that a project would have beside the framework into its node_modules. */
export function linkTypeScript(app: string): void {
  mkdirSync(join(app, 'node_modules/@types'))
  for (const name of ['typescript', 'typescript-7', '@types/node'])
    symlinkSync(join(root, 'node_modules', name), join(app, 'node_modules', name))
}
