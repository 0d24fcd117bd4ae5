import { nameOf, typeError } from './errors.js'

/**
 * `Content-Disposition` of a download (RFC 6266), under `download` or the last name of `path`. Names that ASCII does not have are said
 * twice, the second time as RFC 8187 has it.
 *
 * @internal
 * @throws TypeError `ARMATURE_OPTION_INVALID` when `download` is neither a name nor a boolean
 */
export function dispositionOf(download: unknown, path: string): string {
  if (download !== true && (typeof download !== 'string' || download === '')) {
    const value = typeof download === 'string' ? "''" : nameOf(download)
    const option = 'download of HttpResponse.file()'
    throw typeError('ARMATURE_OPTION_INVALID', { option, value, allowed: 'a file name, true or false' })
  }
  const name = lastName(download === true ? path : download)
  // Clients undo escapes in the plain form, or not: without escapes and quotes there is one reading.
  const plain = name.replace(/[^\x20-\x7e]|["%\\]/gu, '_')
  return plain === name
    ? `attachment; filename="${plain}"`
    : `attachment; filename="${plain}"; filename*=UTF-8''${extended(name)}`
}

/** A client must not be told where to put it. */
function lastName(path: string): string {
  const name = path.split(/[/\\]/).at(-1) ?? ''
  // Half a surrogate pair has no UTF-8.
  const text = Buffer.from(name)
    .toString()
    .replace(/\p{Cc}/gu, '_')
  return text === '' || text === '.' || text === '..' ? 'download' : text
}

/** `ext-value`: what is no `attr-char` is escaped. */
function extended(name: string): string {
  return encodeURIComponent(name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
