// Where things are. Importing this file also gives cargo its target directory, outside the clone, so that a fresh
// clone finds what an earlier one compiled.
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
export const cacheDir = join(root, 'node_modules/.cache/armature')

process.env.CARGO_TARGET_DIR ||= join(homedir(), '.cache/armature/target')
export const targetDir = resolve(root, process.env.CARGO_TARGET_DIR)

/** A tool that npm installed, as arguments for `process.execPath`: no shell, no PATH, no `npx`. */
export const bin = {
  attw: join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js'),
  biome: join(root, 'node_modules/@biomejs/biome/bin/biome'),
  napi: join(root, 'node_modules/@napi-rs/cli/dist/cli.js'),
  publint: join(root, 'node_modules/publint/src/cli.js'),
  tsc: join(root, 'node_modules/typescript/bin/tsc'),
  tsc7: join(root, 'node_modules/typescript-7/bin/tsc'),
  vitest: join(root, 'node_modules/vitest/vitest.mjs'),
}
