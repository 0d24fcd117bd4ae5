import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isBranded, nameOf, typeError } from './errors.js'
import type { FilesOptions } from './generated/files.js'
import { portable } from './options.js'
import { parsePath, SegmentKind } from './paths.js'

const FILES: unique symbol = Symbol.for('armature.files')

/** Files of a folder that Rust sends by itself; made by {@link files}. */
export interface FilesHandler {
  readonly [FILES]: true
}

/**
 * A handler that answers with the files of a folder. It is for a path that ends in a wildcard, whose part of the path names the file,
 * or in `/`, which is the folder itself. Rust sends them: JavaScript is not entered, unless middleware surrounds the route.
 *
 * `app.files()` declares all that a folder needs.
 *
 * @param dir a path, relative to the current folder of the process, or a `file:` URL
 * @throws TypeError `ARMATURE_OPTION_INVALID` when `dir` is no path; options, and whether the folder is there, are checked when the
 * application starts
 * @example
 * app.get('/downloads/*path', { use: [auth] }, files('downloads', { listing: true }))
 */
export function files(dir: string | URL, options: FilesOptions = {}): FilesHandler {
  return Object.freeze(new Files('files()', dir, options))
}

/** @internal */
export class Files implements FilesHandler {
  readonly [FILES] = true
  readonly name = 'files'
  readonly dir: string
  readonly options: Record<string, unknown>

  constructor(where: string, dir: unknown, options: unknown) {
    this.dir = resolve(pathOf(`dir of ${where}`, dir))
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw typeError('ARMATURE_OPTION_INVALID', {
        option: `options of ${where}`,
        value: nameOf(options),
        allowed: "an object such as { fallback: 'index.html' }",
      })
    }
    this.options = portable(options)
  }
}

/** @internal Also true for what another copy of this package made. */
export function isFiles(value: unknown): value is Files {
  return isBranded(value, FILES)
}

/**
 * How many segments of a path come before that of the file.
 *
 * @internal
 * @throws TypeError `ARMATURE_ROUTE_PATTERN` for a path that leaves nothing for it
 */
export function depthOf(path: string): number {
  const { segments } = parsePath(path)
  if (path.endsWith('/') || segments.at(-1)?.kind === SegmentKind.Rest) return segments.length - 1
  const why = `files() needs a path that ends in '/' or a wildcard, such as '${path}/*path'`
  throw typeError('ARMATURE_ROUTE_PATTERN', `route ${path}: ${why}`)
}

/**
 * A path of the file system, as text.
 *
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID`
 */
export function pathOf(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
  const shown = typeof value === 'string' || value instanceof URL ? `'${value}'` : nameOf(value)
  throw typeError('ARMATURE_OPTION_INVALID', { option, value: shown, allowed: 'a path or a file: URL' })
}
