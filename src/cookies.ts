import { types } from 'node:util'
import { typeError } from './errors.js'
import { isToken } from './headers.js'

/** How a cookie is sent. RFC 6265 section 4.1, with the attributes browsers added since (RFC 6265bis, CHIPS). */
export interface CookieOptions {
  /** Hosts below this domain receive it too. Default: only the host that set it. */
  domain?: string | undefined
  /** Requests below this path carry it. Default: `/`. */
  path?: string | undefined
  /** When it ends. Default: with the browser session. */
  expires?: Date | undefined
  /** Seconds until it ends; wins over `expires`. Browsers cut it to 400 days. */
  maxAge?: number | undefined
  /** Hidden from scripts. Default: true. */
  httpOnly?: boolean | undefined
  /** Over HTTPS only. Default: true when the request was secure, or when another attribute requires it. */
  secure?: boolean | undefined
  /** Whether requests from other sites carry it. Default: `'lax'`; `'none'` requires `secure`. */
  sameSite?: 'strict' | 'lax' | 'none' | undefined
  /** A jar of its own for every top-level site (CHIPS); requires `secure`. */
  partitioned?: boolean | undefined
  /** Which cookies Chromium evicts first. */
  priority?: 'low' | 'medium' | 'high' | undefined
}

/** {@link CookieOptions} of `HttpResponse.cookie()`. */
export interface ResponseCookieOptions extends CookieOptions {
  /** Signs the value (HMAC-SHA256) so that `req.signedCookie()` detects changes; needs `App.new({ secrets })`. */
  signed?: boolean | undefined
}

// RFC 6265 section 4.1.1: attribute values are anything but controls and semicolons.
const ATTRIBUTE = /^[\x20-\x3a\x3c-\x7e]*$/
const DOMAIN = /^\.?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i
const LONE_SURROGATE = /\p{Surrogate}/u
const SAME_SITE = { strict: 'Strict', lax: 'Lax', none: 'None' } as const
const PRIORITY = { low: 'Low', medium: 'Medium', high: 'High' } as const
// RFC 6265bis section 5.7: browsers ignore a cookie whose name and value are longer.
const MAX_PAIR = 4096

/**
 * Checks what can be checked before the request is known.
 *
 * @internal
 */
export function checkCookie(name: string, value: string, options: CookieOptions): void {
  const fail = (why: string) => typeError('ARMATURE_COOKIE_INVALID', { name: String(name), why })
  if (typeof name !== 'string' || !isToken(name))
    throw fail('the name is not a token (RFC 6265 section 4.1.1)')
  if (typeof value !== 'string') throw fail('the value is not a string')
  if (LONE_SURROGATE.test(value)) throw fail('the value has half of a surrogate pair')

  const { domain, path, expires, maxAge, sameSite, priority } = options
  if (domain !== undefined && !DOMAIN.test(domain)) throw fail('domain is not a host name')
  if (path !== undefined && !(path.startsWith('/') && ATTRIBUTE.test(path))) {
    throw fail("path does not start with '/' or has a character that must be escaped")
  }
  if (expires !== undefined && !(types.isDate(expires) && !Number.isNaN(expires.getTime()))) {
    throw fail('expires is not a valid Date')
  }
  if (maxAge !== undefined && !Number.isInteger(maxAge)) throw fail('maxAge is not a whole number of seconds')
  if (sameSite !== undefined && !Object.hasOwn(SAME_SITE, sameSite)) {
    throw fail("sameSite is not 'strict', 'lax' or 'none'")
  }
  if (priority !== undefined && !Object.hasOwn(PRIORITY, priority)) {
    throw fail("priority is not 'low', 'medium' or 'high'")
  }

  const reason = secureReason(name, options)
  if (reason !== undefined && options.secure === false) throw fail(`${reason} requires secure`)
  if (hasPrefix(name, '__Host-') && (domain !== undefined || (path ?? '/') !== '/')) {
    throw fail("the prefix __Host- requires path '/' and no domain")
  }
}

/**
 * One Set-Cookie value. The arguments passed {@link checkCookie}; `secure` is whether the request was.
 *
 * @internal
 */
export function serializeCookie(
  name: string,
  value: string,
  options: CookieOptions,
  secure: boolean,
): string {
  let text = `${name}=${encodeURIComponent(value)}`
  if (text.length > MAX_PAIR) {
    throw typeError('ARMATURE_COOKIE_INVALID', {
      name,
      why: `it is longer than the ${MAX_PAIR} bytes browsers keep`,
    })
  }
  if (options.maxAge !== undefined) text += `; Max-Age=${options.maxAge}`
  if (options.domain !== undefined) text += `; Domain=${options.domain}`
  text += `; Path=${options.path ?? '/'}`
  if (options.expires !== undefined) text += `; Expires=${options.expires.toUTCString()}`
  if (options.httpOnly ?? true) text += '; HttpOnly'
  if (options.secure ?? (secure || secureReason(name, options) !== undefined)) text += '; Secure'
  text += `; SameSite=${SAME_SITE[options.sameSite ?? 'lax']}`
  if (options.partitioned) text += '; Partitioned'
  if (options.priority !== undefined) text += `; Priority=${PRIORITY[options.priority]}`
  return text
}

/**
 * The cookies of a request (RFC 6265 section 5.4): of equal names the first wins, as it has the more specific path.
 *
 * @internal
 */
export function parseCookies(header: string | undefined): Readonly<Record<string, string | undefined>> {
  const cookies: Record<string, string> = Object.create(null)
  if (header === undefined) return Object.freeze(cookies)
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0) continue
    const name = pair.slice(0, equals).trim()
    if (name === '' || name in cookies) continue
    cookies[name] = decodeValue(pair.slice(equals + 1).trim())
  }
  return Object.freeze(cookies)
}

function decodeValue(raw: string): string {
  const quoted = raw.length > 1 && raw.startsWith('"') && raw.endsWith('"')
  const value = quoted ? raw.slice(1, -1) : raw
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    // Other software on the same site sets cookies too: what is not our encoding is passed as it came.
    return value
  }
}

// What makes browsers refuse the cookie unless it is Secure.
function secureReason(name: string, options: CookieOptions): string | undefined {
  if (options.sameSite === 'none') return "sameSite 'none'"
  if (options.partitioned) return 'partitioned'
  if (hasPrefix(name, '__Secure-') || hasPrefix(name, '__Host-')) return 'the prefix of the name'
  return undefined
}

// Browsers compare the prefixes without regard to case (RFC 6265bis section 4.1.3).
function hasPrefix(name: string, prefix: string): boolean {
  return name.length >= prefix.length && name.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase()
}
