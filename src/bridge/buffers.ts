/**
 * The native calls behind `buffer.toString()` and `buffer.write()`, without what those do to find out which one is meant:
 * a sixth of the work for a short text. Node has had them for ever and its own code uses them, but does not document
 * them; where they are missing the documented ones take their place.
 */
interface Undocumented {
  latin1Slice?(start: number, end: number): string
  utf8Write?(text: string, offset: number): number
}

const { latin1Slice, utf8Write } = Buffer.prototype as Undocumented

/** The bytes from `start` to `end` as Latin-1. */
export const readLatin1: (bytes: Buffer, start: number, end: number) => string =
  latin1Slice === undefined
    ? (bytes, start, end) => bytes.toString('latin1', start, end)
    : (bytes, start, end) => latin1Slice.call(bytes, start, end)

const writeLong: (bytes: Buffer, text: string, offset: number) => number =
  utf8Write === undefined
    ? (bytes, text, offset) => bytes.write(text, offset, 'utf8')
    : (bytes, text, offset) => utf8Write.call(bytes, text, offset)

/** In UTF-16 units: a native call costs as much as a few dozen of them. */
const SHORT = 24

/** Writes `text` as UTF-8 where there is room for all of it; returns its bytes. */
export function writeUtf8(bytes: Buffer, text: string, offset: number): number {
  const { length } = text
  if (length > SHORT) return writeLong(bytes, text, offset)
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) return writeLong(bytes, text, offset)
    bytes[offset + i] = unit
  }
  return length
}
