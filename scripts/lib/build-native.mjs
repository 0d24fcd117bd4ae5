// crates/ -> native/. Cargo knows best what is stale and is quick when nothing is, so it is always asked.
import { bin } from './paths.mjs'
import { node } from './run.mjs'

/** Resolves to whether it worked. `debug`: the dev profile, much faster to compile, much slower to run. */
export async function buildNative({ debug = false } = {}) {
  const { code } = await node([
    bin.napi,
    'build',
    '--platform',
    ...(debug ? [] : ['--release']),
    ...['--manifest-path', 'crates/armature-node/Cargo.toml', '-p', 'armature-node'],
    ...['--output-dir', 'native', '--js', 'binding.cjs', '--dts', 'binding.d.cts'],
  ])
  return code === 0
}
