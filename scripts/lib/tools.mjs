// What has to be on the machine before anything is built.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'
import { quiet } from './run.mjs'

/** The numbers of the first version found in `text`, or undefined. */
export function version(text) {
  const found = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  return found?.slice(1).map((part) => Number(part ?? 0))
}

/** Whether `have` is at least `want`, both as {@link version} gives them. */
export function atLeast(have, want) {
  for (let i = 0; i < 3; i++) {
    if (have[i] !== want[i]) return have[i] > want[i]
  }
  return true
}

function checkNode(have, want) {
  if (atLeast(version(have), version(want))) return []
  return [
    `Node.js ${have} is too old: ${want} or newer is needed. Install it from https://nodejs.org or with \`nvm install ${version(want)[0]}\`.`,
  ]
}

async function checkCargo(want, look) {
  const how = 'Install Rust from https://rustup.rs, or `rustup update stable` when rustup is there.'
  const { code, output } = await look('cargo', ['--version'])
  const have = version(output)
  if (code !== 0 || !have)
    return [`Rust is missing (no \`cargo\` that runs): ${want} or newer is needed. ${how}`]
  if (!atLeast(have, version(want)))
    return [`Rust ${have.join('.')} is too old: ${want} or newer is needed. ${how}`]
  return []
}

async function checkCompiler(look) {
  for (const name of [process.env.CC, 'cc', 'gcc', 'clang']) {
    if (name && (await look(name, ['--version'])).code === 0) return []
  }
  if (process.platform === 'win32') return [] // The linker of the Visual Studio build tools; cargo finds it by itself.
  return [
    'A C compiler is missing (no `cc`): Rust links with it. Debian and Ubuntu: `sudo apt-get install build-essential`; ' +
      'Fedora: `sudo dnf install gcc`; Alpine: `apk add build-base`; macOS: `xcode-select --install`.',
  ]
}

/** One sentence for each thing that is missing or too old, with how to install it; empty when all is well. */
export async function missingTools({ node = process.versions.node, look = quiet } = {}) {
  const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const rust = /rust-version = "([^"]+)"/.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))[1]
  return [
    ...checkNode(node, pkg.engines.node.replace('>=', '')),
    ...(await checkCargo(rust, look)),
    ...(await checkCompiler(look)),
  ]
}
