import { typeError } from './errors.js'

/**
 * The parameters of a path, by name: `Params<'/users/:id'>` is `{ id: string }`. A path that is only known at run time
 * may have any.
 *
 * @example
 * const show = (req: HttpRequest<Params<'/users/:id'>>) => users.get(req.param('id'))
 */
export type Params<Path extends string> = string extends Path
  ? Record<string, string>
  : { [Name in ParamNames<Path>]: string }

type ParamNames<
  Path extends string,
  Found extends string = never,
> = Path extends `${infer Head}/${infer Tail}`
  ? ParamNames<Tail, Found | ParamName<Head>>
  : Found | ParamName<Path>

type ParamName<Segment extends string> = Segment extends `::${string}`
  ? never
  : Segment extends `:${infer Name}` | `*${infer Name}`
    ? Name
    : never

/** @internal A parsed path. Two with equal `key`s match the same requests. */
export interface Pattern {
  readonly segments: readonly Segment[]
  /** Names of the parameters, in order. */
  readonly params: readonly string[]
  readonly key: string
}

/** @internal `text` is the static text in canonical form. The smaller kind is the more specific. */
export interface Segment {
  readonly kind: SegmentKind
  readonly text: string
}

/** @internal */
export const SegmentKind = { Static: 0, Param: 1, Rest: 2 } as const
/** @internal */
export type SegmentKind = (typeof SegmentKind)[keyof typeof SegmentKind]

const NAME = /^[A-Za-z_]\w*$/
const MAX_PARAMS = 25

/**
 * Parses a full path. Rust checks again; here the error has the stack of the line that declares the route.
 *
 * @internal
 * @throws TypeError `ARMATURE_ROUTE_PATTERN`, which says what to write instead
 */
export function parsePath(path: string): Pattern {
  const why = foreignSyntax(path)
  if (why !== undefined) throw wrong(path, why)
  const texts = path.slice(1).split('/')
  const segments = texts.map((text, index) => parseSegment(path, text, index === texts.length - 1))
  const params: string[] = []
  for (const [index, { kind }] of segments.entries()) {
    if (kind === SegmentKind.Static) continue
    const name = (texts[index] as string).slice(1)
    if (params.includes(name)) throw wrong(path, `it has two parameters named '${name}'`)
    params.push(name)
  }
  if (params.length > MAX_PARAMS) {
    throw wrong(path, `it has ${params.length} parameters; at most ${MAX_PARAMS} are supported`)
  }
  return {
    segments,
    params,
    key: segments.map((segment) => `/${KEYS[segment.kind] ?? segment.text}`).join(''),
  }
}

/** @internal Checks the prefix of a scope; errors as {@link parsePath}. */
export function parsePrefix(prefix: unknown): void {
  if (typeof prefix !== 'string') throw wrong(String(prefix), 'a prefix is a string')
  if (prefix === '' || prefix === '/') {
    throw wrong(prefix, "a prefix has at least one segment; 'new Router()' groups routes without one")
  }
  const { segments } = parsePath(prefix)
  if (prefix.endsWith('/'))
    throw wrong(prefix, `a prefix does not end with '/'; write '${prefix.slice(0, -1)}'`)
  if (segments.at(-1)?.kind === SegmentKind.Rest) {
    throw wrong(prefix, 'a prefix has no wildcard; everything below it belongs to the scope anyway')
  }
}

/** @internal Below a prefix: the prefix with a slash at its end, which no path of a declaration can say. */
export const PREFIX_SLASH = '//'

/** @internal `''` and `'/'` below a prefix both mean the prefix itself. */
export function joinPath(prefix: string, path: string): string {
  if (path === PREFIX_SLASH) return `${prefix}/`
  if (path === '' || path === '/') return prefix === '' ? '/' : prefix
  return prefix + path
}

/** @internal Checks a path as it is written in a declaration, below whatever prefix. */
export function checkPath(path: unknown): asserts path is string {
  if (typeof path !== 'string') throw wrong(String(path), 'a path is a string')
  if (path !== '') parsePath(path)
}

/**
 * The form in which equivalent texts are equal: escapes are decoded, except those of reserved and control characters and
 * of `%` itself. The same as `escape::canonical` of the Rust router.
 *
 * @internal
 * @throws URIError for an invalid escape
 */
export function canonical(text: string): string {
  if (!text.includes('%')) return text
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw new URIError('invalid escape')
  return text.replace(/(?:%[89A-Fa-f][0-9A-Fa-f])+|%[0-7][0-9A-Fa-f]/g, (escaped) => {
    const decoded = decodeURIComponent(escaped)
    return RESERVED.test(decoded) ? escaped.toUpperCase() : decoded
  })
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters stay escaped
const RESERVED = /^[\x00-\x1f\x7f%:/?#[\]@!$&'()*+,;=]$/

// Static text never holds a NUL: control characters stay escaped.
const KEYS: Partial<Record<SegmentKind, string>> = { [SegmentKind.Param]: '\0:', [SegmentKind.Rest]: '\0*' }

function parseSegment(path: string, text: string, last: boolean): Segment {
  if (text === '' && !last) throw wrong(path, "it has an empty segment ('//')")
  if (text.startsWith('*')) {
    if (!last) throw wrong(path, `'${text}' is a wildcard, which must be the last segment`)
    checkName(path, text)
    return { kind: SegmentKind.Rest, text: '' }
  }
  if (text.startsWith(':') && !text.startsWith('::')) {
    checkName(path, text)
    return { kind: SegmentKind.Param, text: '' }
  }
  const halves = text.split('::')
  if (halves.some((half) => half.includes(':'))) {
    const rule = "which must be a whole segment; write '::' for a literal colon"
    throw wrong(path, `'${text}' mixes text and a parameter, ${rule}`)
  }
  if (text.includes('*')) {
    throw wrong(path, `'${text}' is not a wildcard; only a whole last segment such as '*rest' is`)
  }
  try {
    return { kind: SegmentKind.Static, text: canonical(halves.join(':')) }
  } catch {
    throw wrong(path, `'${text}' has an invalid escape; write '%25' for a percent sign`)
  }
}

function checkName(path: string, segment: string): void {
  if (segment === ':') throw wrong(path, "':' needs a name, as in ':id'; write '::' for a literal colon")
  if (segment === '*') throw wrong(path, "'*' needs a name, as in '*rest'")
  if (NAME.test(segment.slice(1))) return
  const rule = "it must be a whole segment, and its name letters, digits and '_', not starting with a digit"
  throw wrong(path, `'${segment}' is not a parameter; ${rule}`)
}

/** What users of other routers try, and its replacement here. */
function foreignSyntax(path: string): string | undefined {
  if (!path.startsWith('/')) return `a path starts with '/'; did you mean '/${path}'?`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  const [found] = /[{}?()#\x00-\x1f\x7f]/.exec(path) ?? []
  switch (found) {
    case undefined:
      return undefined
    case '{':
    case '}':
      return braces(path)
    case '?':
      return "'?' has no meaning here; for an optional part declare two routes, and read the query with req.query"
    case '(':
    case ')':
      return 'parentheses have no meaning here; check the value of the parameter in the handler'
    case '#':
      return "'#' never reaches a server; write '%23' for an escaped one"
    default:
      return `it has a control character; write it escaped ('${encodeURIComponent(found)}')`
  }
}

function braces(path: string): string {
  const [, sigil, name] = /\{(\*?)([A-Za-z_]\w*)[^}]*\}/.exec(path) ?? []
  if (name === undefined) return "braces have no meaning here; write ':name' for a parameter"
  return `braces have no meaning here; write '${sigil === '*' ? '*' : ':'}${name}'`
}

function wrong(pattern: string, why: string): TypeError {
  return typeError('ARMATURE_ROUTE_PATTERN', { pattern, why })
}
