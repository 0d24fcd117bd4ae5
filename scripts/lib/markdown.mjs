// What a Markdown text links to, and what can be linked to in it.

const blank = (text) => text.replace(/[^\n]/g, ' ')

/** The text without fenced blocks and comments; every line stays where it is. */
const prose = (markdown) =>
  markdown.replace(/^( *)(```+|~~~+)[\s\S]*?^ *\2 *$/gm, blank).replace(/<!--[\s\S]*?-->/g, blank)

const lineOf = (text, index) => text.slice(0, index).split('\n').length

/** A heading as it is read: without the marks of links, emphasis and HTML. Backticks stay. */
const plain = (heading) =>
  heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>`]*>/g, '')
    .replace(/\*/g, '')
    .trim()

/** Every heading as `{ line, text, anchor }`; anchors as GitHub makes them. */
export function headings(markdown) {
  const text = prose(markdown)
  const taken = new Map()
  return [...text.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map((match) => {
    const heading = plain(match[1])
    const base = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    const count = taken.get(base) ?? 0
    taken.set(base, count + 1)
    return {
      line: lineOf(text, match.index),
      text: heading,
      anchor: count === 0 ? base : `${base}-${count}`,
    }
  })
}

/** Everything that `#…` may name: headings, and elements with an `id` or `name`. */
export function anchors(markdown) {
  const explicit = [...prose(markdown).matchAll(/<[a-z]+\b[^>]*\s(?:id|name)="([^"]+)"/gi)]
  return new Set([...headings(markdown).map(({ anchor }) => anchor), ...explicit.map((match) => match[1])])
}

/** Every link and image as `{ line, target }`: inline, by reference and in HTML. What stands in code is none. */
export function links(markdown) {
  const text = prose(markdown)
  const inline = /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g
  const definition = /^ {0,3}\[[^\]^]+\]:\s*<?(\S+?)>?(?:\s+"[^"]*")?\s*$/gm
  const html = /<(?:a|img|source)\b[^>]*\s(?:href|src|srcset)="([^"]+)"/gi
  const visible = text.replace(/(`+)(?!`)[^\n]*?[^`\n]\1(?!`)/g, blank)
  return [inline, definition, html]
    .flatMap((pattern) => [...visible.matchAll(pattern)])
    .map((match) => ({ line: lineOf(text, match.index), target: match[1] }))
    .sort((a, b) => a.line - b.line)
}
