import type { HttpRequest } from '../request.js'

/** A file that a response names. */
export interface NamedFile {
  readonly path: string
  /** The folder that it has to be in; `null` for any. */
  readonly root: string | null
}

/** What of the file is asked for (RFC 9110 sections 13 and 14). */
const FIELDS = [
  'if-match',
  'if-unmodified-since',
  'if-none-match',
  'if-modified-since',
  'range',
  'if-range',
] as const

/** What Rust needs to know to answer `req` with a file; `crates/armature-node/src/bridge/file.rs` reads it. */
export function fileText({ path, root }: NamedFile, req: HttpRequest): string {
  const { method } = req
  const fields: [string, string][] = []
  if (method === 'GET' || method === 'HEAD') {
    for (const name of FIELDS) {
      const value = req.header(name)
      if (value !== undefined) fields.push([name, value])
    }
  }
  return JSON.stringify({ path, root, method, fields })
}
