import { typeError } from './errors.js'

/**
 * A Location value (RFC 9110 section 10.2.2). The reference is not parsed, since relative ones must arrive as they are.
 *
 * @internal
 */
export function encodeLocation(url: string | URL): string {
  const text = String(url)
  if (text === '') throw typeError('ARMATURE_REDIRECT_INVALID', { why: 'the URL is empty' })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (/[\x00-\x1f\x7f]/.test(text)) {
    throw typeError('ARMATURE_REDIRECT_INVALID', { why: 'the URL has a control character' })
  }
  return text.replace(/[^\x21-\x7e]+/g, (part) =>
    encodeURIComponent(part.replace(/\p{Surrogate}/gu, '\ufffd')),
  )
}
