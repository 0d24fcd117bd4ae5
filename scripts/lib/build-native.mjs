// crates/ -> native/. Skipped where inputs and outputs are those of the last build: cargo is quick when nothing is stale, but
// napi's command compiles the addon once more when it is called the second time, with other variables.
import { digest, readStamp, writeStamp } from './digest.mjs'
import { bin, root, targetDir } from './paths.mjs'
import { node, quiet } from './run.mjs'

const inputs = [
  ...['Cargo.toml', 'Cargo.lock', 'crates', 'package.json', 'scripts/lib/build-native.mjs'],
  'node_modules/@napi-rs/cli/package.json',
]

/** What the compiler is told apart from the sources. */
async function environment(debug) {
  const { output } = await quiet('rustc', ['-vV'])
  const said = Object.entries(process.env).filter(([name]) =>
    /^(CARGO_(PROFILE|TARGET|BUILD)_|RUSTFLAGS$)/.test(name),
  )
  return JSON.stringify([debug, targetDir, output, said.sort()])
}

/** Resolves to whether it worked. `debug`: the dev profile, much faster to compile, much slower to run. */
export async function buildNative({ debug = false } = {}) {
  const env = await environment(debug)
  const stamp = (input) => `${input} ${digest(root, ['native'])} ${env}`
  const input = digest(root, inputs) // Taken first: what changes while we build is stale afterwards.
  if (readStamp('native') === stamp(input)) return true
  const { code } = await node([
    bin.napi,
    'build',
    '--platform',
    ...(debug ? [] : ['--release']),
    ...['--manifest-path', 'crates/armature-node/Cargo.toml', '-p', 'armature-node'],
    ...['--output-dir', 'native', '--js', 'binding.cjs', '--dts', 'binding.d.cts'],
  ])
  if (code === 0) writeStamp('native', stamp(input))
  return code === 0
}
