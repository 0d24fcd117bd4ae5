// The TypeScript blocks of a Markdown text.

const preludePattern = /<!--\s*prelude\n([\s\S]*?)-->\s*$/

/**
 * Every fenced `ts` block as `{ line, code, run }`, and a list of `problems`: `{ line, message }`.
 *
 * An HTML comment that starts with `prelude`, directly before a block, holds declarations which the block needs and the
 * reader does not: it is compiled with it and never shown.
 */
export function docBlocks(markdown) {
  const blocks = []
  const problems = []
  const fence = /^( *)(```+|~~~+) *([^\n`]*)\n([\s\S]*?)^ *\2 *$/gm
  let end = 0
  for (const match of markdown.matchAll(fence)) {
    const [whole, indent, , info, body] = match
    const line = markdown.slice(0, match.index).split('\n').length
    const [language, ...words] = info.trim().split(/\s+/)
    const prelude = preludePattern.exec(markdown.slice(end, match.index))?.[1] ?? ''
    end = match.index + whole.length
    if (['typescript', 'mts', 'tsx'].includes(language)) {
      problems.push({
        line,
        message: `write \`ts\` instead of \`${language}\`, so that the block is checked`,
      })
    }
    if (language !== 'ts') continue
    for (const word of words) {
      if (word !== 'run')
        problems.push({
          line,
          message: `\`ts ${word}\`: only \`ts\` and \`ts run\` exist; every block is checked`,
        })
    }
    const code = body.replace(new RegExp(`^ {0,${indent.length}}`, 'gm'), '')
    blocks.push({ line, code, prelude, run: words.includes('run') })
  }
  return { blocks, problems }
}

/** A block as a module of its own. Its first line is line `offset + 1` of the module. */
export function blockModule({ code, prelude }) {
  const head = prelude ? `${prelude.trimEnd()}\n` : ''
  const isModule = /^\s*(import|export)\b/m.test(head + code)
  return { text: `${head}${code}${isModule ? '' : '\nexport {}\n'}`, offset: head.split('\n').length - 1 }
}
