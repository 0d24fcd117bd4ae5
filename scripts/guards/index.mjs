// All guards, cheap ones first. `todo` is what to do when one fails; `built` marks those that look at a fresh build.
import * as commands from './commands.mjs'
import * as docs from './docs.mjs'
import * as sources from './sources.mjs'
import { workflowsAreWellFormed } from './workflows.mjs'

export const guards = [
  {
    name: 'sizes',
    run: sources.filesAreSmall,
    todo: 'Split by job, or let the first comment say why ("..., because ...").',
  },
  {
    name: 'unsafe',
    run: sources.unsafeHasReasons,
    todo: 'Keep `unsafe` in crates/armature-node/src/bridge, a `// SAFETY:` comment before each block.',
  },
  { name: 'native-import', run: sources.oneNativeImport, todo: 'Export what you need from src/native.ts.' },
  {
    name: 'napi-names',
    run: sources.onlyNodeNamesNapi,
    todo: 'What knows of napi belongs in crates/armature-node.',
  },
  {
    name: 'links',
    run: docs.linksLead,
    todo: 'Mend the link; anchors are headings in lower case, words joined with hyphens, without punctuation.',
  },
  {
    name: 'crate-tree',
    run: commands.cratesStayApart,
    todo: 'Remove the dependency, or move the code to the crate that may have it.',
  },
  {
    name: 'workflows',
    run: workflowsAreWellFormed,
    todo: 'Mend .github/workflows; a new runner label goes into scripts/guards/workflows.mjs.',
  },
  { name: 'biome', run: commands.biomeIsSilent, todo: 'npm run format; what stays has a message above.' },
  { name: 'rustfmt', run: commands.rustIsFormatted, todo: 'npm run format' },
  { name: 'clippy', run: commands.clippyIsSilent, todo: 'cargo clippy --workspace --all-targets' },
  { name: 'rustdoc', run: commands.rustIsDocumented, todo: 'Document the public item, or mend the link.' },
  {
    name: 'option-types',
    run: commands.optionTypesAreCommitted,
    todo: 'UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types, and commit src/generated.',
  },
  {
    name: 'native-files',
    run: commands.nativeIsCommitted,
    built: true,
    todo: 'Commit native/binding.cjs and native/binding.d.cts as the build writes them.',
  },
  { name: 'tsc', run: commands.typesAreRight, built: true, todo: 'npx tsc --noEmit -p .' },
  {
    name: 'reference',
    run: docs.exportsAreDocumented,
    built: true,
    todo: 'Write its section in docs/reference and its row in docs/reference/README.md.',
  },
  {
    name: 'tsdoc',
    run: docs.exportsHaveComments,
    built: true,
    todo: 'Write a doc comment in src/, or in that of the package: what it is, units, default, errors.',
  },
  { name: 'publint', run: commands.packagesAreWellFormed, built: true, todo: 'npx publint' },
  { name: 'attw', run: commands.typesResolve, built: true, todo: 'npx attw --pack .' },
]
