import type { SecurityHeadersOptions } from '../generated/layers.js'
import { NativeLayer } from './layer.js'

/**
 * Tells browsers what a page may do: the fields of helmet, added to every answer that does not have them.
 *
 * @example
 * app.wrap(SecurityHeaders.new({ contentSecurityPolicy: { directives: { 'script-src': ["'self'", "'nonce'"] } } }))
 * app.get('/', (req) => HttpResponse.html(`<script nonce="${req.cspNonce}">start()</script>`))
 */
export class SecurityHeaders extends NativeLayer<SecurityHeadersOptions> {
  private constructor(options: SecurityHeadersOptions) {
    super('securityHeaders', options)
  }

  /** The fields and values of helmet 8; `Strict-Transport-Security` over TLS only. */
  static default(): SecurityHeaders {
    return new SecurityHeaders({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: SecurityHeadersOptions): SecurityHeaders {
    return new SecurityHeaders(options)
  }

  /** For servers that no browser's page comes from: nothing may be loaded, and nothing may frame an answer. */
  static api(): SecurityHeaders {
    return new SecurityHeaders({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
      },
      xFrameOptions: 'DENY',
    })
  }
}
