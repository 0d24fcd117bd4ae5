import { ArmatureError } from './errors.js'
import { requestError } from './http-error.js'

/** @internal A Content-Type taken apart (RFC 9110 section 8.3): the type in lower case, and its charset if it has one. */
export interface MediaType {
  type: string
  charset: string | undefined
}

const CHARSET = /;[\t ]*charset[\t ]*=[\t ]*"?([^\s;"]+)/i

/** @internal */
export function parseMediaType(contentType: string): MediaType {
  const semicolon = contentType.indexOf(';')
  if (semicolon < 0) return { type: contentType.trim().toLowerCase(), charset: undefined }
  const type = contentType.slice(0, semicolon).trim().toLowerCase()
  return { type, charset: CHARSET.exec(contentType)?.[1]?.toLowerCase() }
}

const strict = new TextDecoder('utf-8', { fatal: true })
const lenient = new TextDecoder('utf-8')

/**
 * Text of a body. A byte order mark is removed; `invalid` makes the error for bytes that are not UTF-8, without it they
 * become U+FFFD. A body that is a string already is ASCII, the same in every charset that is read. iso-8859-1 is taken literally, every other charset is refused: guessing would corrupt text silently.
 *
 * @internal
 */
export function decodeText(
  body: Buffer | string,
  contentType: string | undefined,
  invalid?: (cause: unknown) => Error,
): string {
  const charset = contentType?.includes(';') ? parseMediaType(contentType).charset : undefined
  if (charset === 'iso-8859-1') return typeof body === 'string' ? body : body.toString('latin1')
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    const allowed = 'the charset is utf-8, us-ascii or iso-8859-1'
    throw requestError('ARMATURE_MEDIA_TYPE', { type: contentType ?? '', allowed })
  }
  if (typeof body === 'string') return body
  if (invalid === undefined) return lenient.decode(body)
  try {
    return strict.decode(body)
  } catch (error) {
    throw invalid(error)
  }
}

/** @internal Whether `json()` reads it: JSON, a type built on it (RFC 6839 section 3.1), or nothing said. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === 'application/json') return true
  const { type } = parseMediaType(contentType)
  return type === '' || type === 'application/json' || type.endsWith('+json')
}

/**
 * The value of a JSON body. A `__proto__` member becomes an own property, as `JSON.parse` has it: harmless by itself,
 * but copy such values with `structuredClone` or by known names, not with assignment in a loop.
 *
 * @internal
 */
export function parseJson(body: Buffer | string, contentType: string | undefined): unknown {
  if (body.length === 0) throw requestError('ARMATURE_BODY_EMPTY')
  const text = decodeText(body, contentType, (cause) =>
    requestError('ARMATURE_JSON_INVALID', { why: 'it is not UTF-8' }, cause),
  )
  try {
    return JSON.parse(text)
  } catch (error) {
    throw requestError('ARMATURE_JSON_INVALID', { why: (error as SyntaxError).message }, error)
  }
}

/** @internal Throws unless `formData()` reads this type. */
export function checkFormType(contentType: string | undefined): void {
  const { type } = parseMediaType(contentType ?? '')
  if (type === 'application/x-www-form-urlencoded') return
  if (type === 'multipart/form-data') {
    throw new ArmatureError('ARMATURE_NOT_AVAILABLE', { feature: 'formData() of multipart/form-data' })
  }
  const allowed = 'formData() reads application/x-www-form-urlencoded'
  throw requestError('ARMATURE_MEDIA_TYPE', { type, allowed })
}

/** @internal The fields of a form of type application/x-www-form-urlencoded, as browsers encode it. */
export function parseForm(body: Buffer | string, contentType: string | undefined): FormData {
  const text = decodeText(body, contentType, (cause) =>
    requestError('ARMATURE_FORM_INVALID', { why: 'it is not UTF-8' }, cause),
  )
  const form = new FormData()
  for (const [name, value] of new URLSearchParams(urlEncoded(text))) form.append(name, value)
  return form
}

/** @internal URLSearchParams drops a leading '?', which here is part of the first name. */
export function urlEncoded(text: string): string {
  return text.startsWith('?') ? `&${text}` : text
}
