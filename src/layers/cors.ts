import { NativeLayer } from './layer.js'

/** Options of {@link Cors}. */
export interface CorsOptions {
  /** Origins that may read answers: `'*'`, or a list such as `['https://app.example.com']`. Default: none. */
  origins?: '*' | string[] | undefined
  /** Methods that a preflight allows. Default: GET, HEAD, POST, PUT, PATCH and DELETE. */
  methods?: string[] | undefined
  /** Request headers that a preflight allows. Default: those that the preflight asks for. */
  headers?: string[] | undefined
  /** Response headers that scripts may read besides the safelisted ones. Default: none. */
  exposeHeaders?: string[] | undefined
  /** Whether requests may carry cookies and other credentials; not with `origins: '*'`. Default: false. */
  credentials?: boolean | undefined
  /** How long a browser may remember a preflight: milliseconds, or a text such as `'10m'`. Default: its own choice. */
  maxAge?: number | string | undefined
}

/**
 * Cross-origin requests by the Fetch standard. Preflights are answered here, without JavaScript.
 *
 * @example
 * app.wrap(Cors.new({ origins: ['https://app.example.com'], credentials: true, maxAge: '10m' }))
 */
export class Cors extends NativeLayer<CorsOptions> {
  private constructor(options: CorsOptions) {
    super('cors', options)
  }

  /** No origin may read anything: preflights are answered and refused. */
  static default(): Cors {
    return new Cors({})
  }

  /** @throws TypeError `ARMATURE_OPTION_INVALID` */
  static new(options: CorsOptions): Cors {
    return new Cors(options)
  }

  /** Every origin, without credentials: for development, and for data that is public anyway. */
  static permissive(): Cors {
    return new Cors({ origins: '*' })
  }
}
