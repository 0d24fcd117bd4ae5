import {
  Cache,
  Compress,
  Cors,
  type CorsOptions,
  Decompress,
  ETag,
  Logger,
  RequestId,
  SecurityHeaders,
} from '@armature/core'

// --- X.default(), X.new(options), presets ---
export const layers = [
  Cache.default(),
  Cache.new({
    size: '1gb',
    query: { only: ['page'] },
    setCookie: 'strip',
    staleIfError: '1h',
    keyHeaders: ['x-tenant'],
  }),
  Compress.default(),
  Compress.new({ codings: ['br'], minSize: '2kb', levels: { br: 5 }, types: ['text/*'], concurrent: 10 }),
  Decompress.default(),
  Decompress.new({ codings: ['gzip'], maxSize: '10mb', maxRatio: 20, concurrent: 8 }),
  ETag.default(),
  ETag.weak(),
  ETag.new({ weak: true, maxSize: '64kb' }),
  Logger.default(),
  Logger.json(),
  Logger.new({ format: 'combined', output: 'stderr', skip: ['/healthz'] }),
  Cors.default(),
  Cors.permissive(),
  Cors.new({ origins: ['https://a.example'], credentials: true, maxAge: '10m' }),
  RequestId.default(),
  RequestId.new({ header: 'x-id', trust: true }),
  SecurityHeaders.default(),
  SecurityHeaders.api(),
  SecurityHeaders.new({
    contentSecurityPolicy: { directives: { scriptSrc: ["'nonce'"], 'style-src': false } },
    strictTransportSecurity: { maxAge: '8760h' },
    referrerPolicy: ['no-referrer', 'origin'],
    xFrameOptions: false,
  }),
]

// --- Options are checked, and read-only afterwards ---
// @ts-expect-error
Logger.new({ format: 'xml' })
// @ts-expect-error
Logger.new({ colour: true })
// @ts-expect-error
Cache.new({ query: 'all' })
// @ts-expect-error
Compress.new({ codings: ['deflate'] })
// @ts-expect-error
SecurityHeaders.new({ xFrameOptions: 'ALLOW' })
// @ts-expect-error
Cors.permissive().options.origins = '*'
// @ts-expect-error
Logger.default().options = {}
// @ts-expect-error
new Cors({})
export const options: Readonly<CorsOptions> = Cors.permissive().options
