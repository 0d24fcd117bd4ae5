import { createHmac, timingSafeEqual } from 'node:crypto'

// base64url of 32 bytes.
const SIGNATURE_LENGTH = 43

/** @internal `value.signature`. The name is signed too, so that one cookie cannot be passed off as another. */
export function signValue(name: string, value: string, secret: string): string {
  return `${value}.${signature(name, value, secret).toString('base64url')}`
}

/** @internal The value when any of `secrets` (the current one first) signed it for `name`. */
export function unsignValue(name: string, signed: string, secrets: readonly string[]): string | undefined {
  const dot = signed.lastIndexOf('.')
  if (dot < 0 || signed.length - dot - 1 !== SIGNATURE_LENGTH) return undefined
  const value = signed.slice(0, dot)
  const given = Buffer.from(signed.slice(dot + 1), 'base64url')
  if (given.length !== 32) return undefined
  // Every secret is tried, so that the time does not tell which one is in use.
  let valid = false
  for (const secret of secrets) valid = timingSafeEqual(given, signature(name, value, secret)) || valid
  return valid ? value : undefined
}

// A cookie name has no '=' (it is a token), so name and value cannot run into each other.
function signature(name: string, value: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(`${name}=${value}`).digest()
}
