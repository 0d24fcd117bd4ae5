// README.md, docs/ and the READMEs of packages: every `ts` block compiles against the built package, and those marked `run` end with code 0.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesOf } from './digest.mjs'
import { blockModule, docBlocks } from './doc-blocks.mjs'
import { packageFolders } from './packages.mjs'
import { bin, cacheDir, root } from './paths.mjs'
import { node } from './run.mjs'

const compilerOptions = {
  target: 'ES2023',
  lib: ['ES2023', 'ESNext.Disposable'],
  module: 'node16',
  strict: true,
  skipLibCheck: true,
  types: ['node'],
  outDir: 'out',
  rootDir: '.',
}

/** The examples below `folder` (READMEs, docs/): `{ examples: [{ where, stem, … }], problems: ['file:line: …'] }`. */
function collect(folder) {
  const examples = []
  const problems = []
  const readmes = ['README.md', ...packageFolders(folder).map((path) => `${path}/README.md`)]
  for (const file of [...readmes, 'docs'].flatMap((path) => filesOf(folder, path))) {
    if (!file.endsWith('.md')) continue
    const found = docBlocks(readFileSync(join(folder, file), 'utf8'))
    problems.push(...found.problems.map(({ line, message }) => `${file}:${line}: ${message}`))
    for (const block of found.blocks) {
      const stem = `${file.replace(/\.md$/, '').replaceAll('/', '-')}-${block.line}`
      examples.push({ ...block, ...blockModule(block), where: `${file}:${block.line}`, file, stem })
    }
  }
  return { examples, problems }
}

/** What tsc says, by the stem of the module, with lines of the Markdown file. */
function diagnostics(output, examples) {
  const byStem = new Map(examples.map((example) => [example.stem, example]))
  const messages = new Map()
  let current
  for (const text of output.split('\n')) {
    const found = /^(.*)\.mts\((\d+),(\d+)\): (.*)$/.exec(text)
    const example = found ? byStem.get(found[1]) : undefined
    if (example) {
      current = example
      const line = example.line + Number(found[2]) - example.offset
      messages.set(current.stem, [
        ...(messages.get(current.stem) ?? []),
        `${example.file}:${line}: ${found[4]}`,
      ])
    } else if (current && /^\s+\S/.test(text)) {
      messages.get(current.stem).push(text)
    } else {
      current = undefined
    }
  }
  return messages
}

/** Compiles and runs all examples below `folder`; `work` is a folder from which `@armature/core` resolves. */
export async function checkExamples(folder, work) {
  const { examples, problems } = collect(folder)
  const failures = [...problems]
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  for (const { stem, text } of examples) writeFileSync(join(work, `${stem}.mts`), text)
  writeFileSync(join(work, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }))
  if (examples.length === 0) return { passed: 0, failed: failures.length, failures }

  const tsc = await node([bin.tsc, '-p', '.', '--pretty', 'false'], { cwd: work, stdout: 'pipe' })
  const wrong = diagnostics(tsc.stdout, examples)
  if (tsc.code !== 0 && wrong.size === 0) failures.push(`tsc ended with code ${tsc.code}\n${tsc.stdout}`)
  let passed = 0
  for (const example of examples) {
    let messages = wrong.get(example.stem)
    const script = join(work, 'out', `${example.stem}.mjs`)
    if (!messages && example.run) {
      const env = { PORT: '0', NODE_ENV: 'development' }
      const ran = await node([script], { cwd: work, env, stdout: 'pipe', stderr: 'pipe', timeout: 30_000 })
      if (ran.code !== 0)
        messages = [`${example.where}: ended with code ${ran.code}\n${ran.stdout}${ran.stderr}`]
    }
    if (messages) failures.push(messages.join('\n'))
    else passed++
  }
  return { passed, failed: failures.length, failures }
}

/** As a runner of `npm test`. */
export async function docExamples() {
  const { passed, failed, failures } = await checkExamples(root, join(cacheDir, 'doc-examples'))
  for (const failure of failures) console.log(failure)
  if (passed + failed === 0)
    return { name: 'documentation examples', passed, failed: 1, problem: 'no `ts` block found' }
  return { name: 'documentation examples', passed, failed }
}
