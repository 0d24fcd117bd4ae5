// Guards that read files. Each takes the root of a tree and resolves to a list of problems.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownFiles } from '../lib/files.mjs'
import { rustParts } from '../lib/rust-source.mjs'

const read = (root, file) => readFileSync(join(root, file), 'utf8')
const lineOf = (text, index) => text.slice(0, index).split('\n').length

const mayBeUnsafe = (file) => file.startsWith('crates/armature-node/src/bridge/')

/** Whether a `SAFETY:` comment stands before `line` (from 1), in front of the statement that the line belongs to. */
function hasReason(comments, codeLines, line) {
  for (let i = line - 1; i >= 0; i--) {
    if (/\/\/\s*SAFETY:/.test(comments[i])) return true
    const code = i === line - 1 ? '' : codeLines[i].trim()
    if (/[;{}]$/.test(code)) return false
  }
  return false
}

/** `unsafe` only where JavaScript's environment is touched, each block and impl with its reason. */
export async function unsafeHasReasons(root) {
  const problems = []
  for (const file of ownFiles(root, 'crates', /\.rs$/)) {
    const { code, comments } = rustParts(read(root, file))
    const [commentLines, codeLines] = [comments.split('\n'), code.split('\n')]
    for (const match of code.matchAll(/\bunsafe\b(\s*\{|\s+impl\b)?/g)) {
      const line = lineOf(code, match.index)
      if (!mayBeUnsafe(file))
        problems.push(`${file}:${line}: \`unsafe\` outside crates/armature-node/src/bridge`)
      else if (match[1] && !hasReason(commentLines, codeLines, line))
        problems.push(`${file}:${line}: no \`// SAFETY:\` before it`)
    }
  }
  return problems
}

/** Only src/native.ts imports the addon. */
export async function oneNativeImport(root) {
  const pattern = /(?:\bfrom|\bimport|\brequire)\s*\(?\s*['"](?:#native|[^'"]*native\/binding[^'"]*)['"]/g
  const problems = []
  for (const folder of ['src', 'packages', 'examples', 'benchmark', '__test__']) {
    for (const file of ownFiles(root, folder, /\.[cm]?[jt]s$/)) {
      if (file === 'src/native.ts') continue
      const text = read(root, file)
      for (const match of text.matchAll(pattern))
        problems.push(`${file}:${lineOf(text, match.index)}: imports the addon`)
    }
  }
  return problems
}

/** Only armature-node names napi, in its manifest and in its code. */
export async function onlyNodeNamesNapi(root) {
  const problems = []
  const search = (file, text, pattern) => {
    for (const match of text.matchAll(pattern))
      problems.push(`${file}:${lineOf(text, match.index)}: names napi`)
  }
  for (const file of ownFiles(root, 'crates', /(^Cargo\.toml|\.rs)$/)) {
    if (file.startsWith('crates/armature-node/')) continue
    if (file.endsWith('.rs')) search(file, rustParts(read(root, file)).code, /\bnapi(_\w+)?\b/g)
    else
      search(
        file,
        read(root, file),
        /^[ \t]*(?:\[.*\.)?["']?napi[\w-]*["']?[ \t]*[.=\]]|package[ \t]*=[ \t]*"napi/gm,
      )
  }
  return problems
}

/** The comment that a file starts with, without a `#!` line. */
const firstComment = (text) => /^(?:#!.*\n)?\s*((?:[ \t]*\/\/.*\n?)+|\/\*[\s\S]*?\*\/)/.exec(text)?.[1] ?? ''

/** Files of a size that can be read at once: Rust 400 lines (before its unit tests), TypeScript 300, tests 800. */
export async function filesAreSmall(root) {
  const problems = []
  for (const folder of ['crates', 'src', 'packages', 'examples', 'benchmark', 'scripts', '__test__']) {
    for (const file of ownFiles(root, folder, /\.([cm]?[jt]s|rs)$/)) {
      if (/\.d\.[cm]?ts$/.test(file)) continue
      const text = read(root, file)
      const body = file.endsWith('.rs') ? text.split(/^#\[cfg\((?:all\()?test\b/m)[0] : text
      const lines = body.trimEnd().split('\n').length
      const isTest = /(^|\/)(__test__|tests|benches)\/|\.test\.[cm]?[jt]s$/.test(file)
      const limit = isTest ? 800 : file.endsWith('.rs') ? 400 : 300
      if (lines > limit && !/\bbecause\b/i.test(firstComment(text))) {
        problems.push(`${file}: ${lines} lines, the limit is ${limit}`)
      }
    }
  }
  return problems
}
