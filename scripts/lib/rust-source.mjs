// Rust text without what only looks like code: enough of a lexer for the guards.

const token =
  /(?<line>\/\/[^\n]*)|(?<open>\/\*)|(?<raw>\b[bc]?r(?<hash>#*)"[\s\S]*?"\k<hash>)|(?<text>"(?:\\[\s\S]|[^"\\])*")|(?<char>'(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\\n])')/g

const blank = (text) => text.replace(/[^\n]/g, ' ')

// Block comments nest.
function blockEnd(source, start) {
  const edge = /\/\*|\*\//g
  edge.lastIndex = start
  let depth = 0
  for (let match = edge.exec(source); match; match = edge.exec(source)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return edge.lastIndex
  }
  return source.length
}

/**
 * `code` is `source` with comments, strings and characters replaced by spaces, `comments` is `source` with everything but
 * its comments replaced by spaces: lines and columns stay where they are.
 */
export function rustParts(source) {
  let code = ''
  let comments = ''
  let position = 0
  token.lastIndex = 0
  for (let match = token.exec(source); match; match = token.exec(source)) {
    const end = match.groups.open ? blockEnd(source, match.index) : token.lastIndex
    const before = source.slice(position, match.index)
    const text = source.slice(match.index, end)
    code += before + blank(text)
    comments += blank(before) + (match.groups.open || match.groups.line ? text : blank(text))
    position = end
    token.lastIndex = end
  }
  return { code: code + source.slice(position), comments }
}
