// Guards of the documentation. Each takes the root of a tree and resolves to a list of problems.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'
import { ownFiles } from '../lib/files.mjs'
import { anchors, headings, links } from '../lib/markdown.mjs'
import { packageFolders } from '../lib/packages.mjs'

const INDEX = 'docs/reference/README.md'

const read = (root, file) => readFileSync(join(root, file), 'utf8')

/** The files that users of the package in `folder` import from. */
const entriesOf = (folder) =>
  Object.values(JSON.parse(read(folder, 'package.json')).exports)
    .map((entry) => entry.require?.types)
    .filter((types) => types !== undefined)
    .map((types) => join(folder, types))

/** The declarations of all packages, checked, and the files that their users import from. */
function declarations(root) {
  const entries = ['', ...packageFolders(root)].flatMap((path) => entriesOf(join(root, path)))
  const missing = entries.filter((entry) => !existsSync(entry))
  const program = ts.createProgram(entries, {
    module: ts.ModuleKind.Node16,
    moduleResolution: ts.ModuleResolutionKind.Node16,
    target: ts.ScriptTarget.ES2023,
    noLib: true,
    types: [],
  })
  return { program, entries, missing }
}

/** Every exported name, with what it stands for and the entry that exports it. */
function exported({ program, entries }) {
  const checker = program.getTypeChecker()
  return entries.flatMap((entry) => {
    const source = program.getSourceFile(entry)
    const module = source && checker.getSymbolAtLocation(source)
    if (module === undefined) return []
    return checker.getExportsOfModule(module).map((symbol) => ({
      name: symbol.name,
      entry,
      symbol: symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    }))
  })
}

const missingEntries = (root, { missing }) =>
  missing.map((entry) => `${relative(root, entry)} is not there: the package names it as an entry`)

/** The rows of the index: `[`name`](page.md#anchor)` in the first cell. */
function indexRows(root) {
  if (!existsSync(join(root, INDEX))) return []
  const row = /^\| *\[`([^`]+)`\]\(([^)#]+)#([^)]+)\)/gm
  return [...read(root, INDEX).matchAll(row)].map(([, name, page, anchor]) => ({ name, page, anchor }))
}

/**
 * Every exported name, value or type, has a row in the index of the reference, which leads to a heading that has the
 * name in backticks; and every row is about a name that is exported. The caller has built.
 */
export async function exportsAreDocumented(root) {
  const package_ = declarations(root)
  const names = exported(package_)
  const rows = indexRows(root)
  const problems = missingEntries(root, package_)
  for (const { name, entry } of names) {
    if (!rows.some((row) => row.name === name))
      problems.push(`${name} of ${relative(root, entry)} has no row in ${INDEX}`)
  }
  for (const { name, page, anchor } of rows) {
    if (!names.some((each) => each.name === name)) {
      problems.push(`${INDEX}: ${name} is not exported`)
      continue
    }
    const file = join(root, dirname(INDEX), page)
    const found = existsSync(file) ? headings(readFileSync(file, 'utf8')) : undefined
    const heading = found?.find((each) => each.anchor === anchor)
    if (!heading) problems.push(`${INDEX}: ${name} leads to ${page}#${anchor}, which is not there`)
    else if (!heading.text.includes(`\`${name}\``))
      problems.push(`${INDEX}: ${name} leads to the heading "${heading.text}", which does not name it`)
  }
  return problems
}

/** The public members of a class or interface that have a plain name. */
function members(symbol) {
  const all = [...(symbol.members?.values() ?? []), ...(symbol.exports?.values() ?? [])]
  return all.filter((member) => {
    const [declaration] = member.declarations ?? []
    if (declaration === undefined || member.flags & ts.SymbolFlags.TypeParameter) return false
    if (member.flags & (ts.SymbolFlags.Constructor | ts.SymbolFlags.Prototype | ts.SymbolFlags.Signature))
      return false
    if (declaration.name === undefined || !ts.isIdentifier(declaration.name)) return false
    return !(
      ts.getCombinedModifierFlags(declaration) &
      (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)
    )
  })
}

/** Every exported name and every public member of what it stands for has a doc comment. The caller has built. */
export async function exportsHaveComments(root) {
  const package_ = declarations(root)
  const checker = package_.program.getTypeChecker()
  const says = (symbol) =>
    symbol.getDocumentationComment(checker).length > 0 || symbol.getJsDocTags(checker).length > 0
  const problems = missingEntries(root, package_)
  for (const { name, symbol } of exported(package_)) {
    if (!says(symbol)) problems.push(`${name} has no doc comment`)
    if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) continue
    for (const member of members(symbol)) {
      if (!says(member)) problems.push(`${name}.${member.name} has no doc comment`)
    }
  }
  return problems
}

/** The Markdown files that a reader of the repository meets. */
const markdownFiles = (root) => [
  ...ownFiles(root, '', /\.md$/).filter((file) => !file.includes('/')),
  ...['docs', 'examples', 'benchmark', 'crates', 'packages', '.github'].flatMap((folder) =>
    ownFiles(root, folder, /\.md$/),
  ),
]

/** Every relative link leads to a file of the tree, and every `#anchor` to a place in it. */
export async function linksLead(root) {
  const problems = []
  for (const file of markdownFiles(root)) {
    for (const { line, target } of links(read(root, file))) {
      const wrong = whyDead(root, file, target)
      if (wrong !== undefined) problems.push(`${file}:${line}: ${target}: ${wrong}`)
    }
  }
  return problems
}

function whyDead(root, file, target) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined
  const [path, anchor] = target.split('#', 2)
  if (path.startsWith('/')) return 'write it relative to this file'
  const to = path === '' ? join(root, file) : resolve(root, dirname(file), decodeURI(path))
  if (relative(root, to).startsWith('..')) return 'leaves the repository'
  if (!existsSync(to)) return 'there is no such file'
  if (anchor === undefined) return undefined
  if (!to.endsWith('.md')) return statSync(to).isDirectory() ? 'a folder has no anchors' : undefined
  return anchors(readFileSync(to, 'utf8')).has(anchor) ? undefined : 'no heading has this anchor'
}
