import {
  BodyLimit,
  Cache,
  Compress,
  ConcurrencyLimit,
  Cors,
  type CorsOptions,
  Decompress,
  ETag,
  Health,
  Logger,
  RateLimit,
  type RateLimitKey,
  RequestId,
  SecurityHeaders,
  Timeout,
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
  RateLimit.default(),
  RateLimit.new({ limit: 5, window: '10s', algorithm: 'sliding-window', key: 'route', headers: false }),
  RateLimit.new({
    burst: 20,
    key: ['ip', { header: 'x-key' }],
    costs: { 'POST /login': 5 },
    headers: 'legacy',
  }),
  RateLimit.new({ redis: { url: 'redis://localhost', timeout: '200ms' }, failure: 'closed', prefix: 'x:' }),
  SecurityHeaders.default(),
  SecurityHeaders.api(),
  SecurityHeaders.new({
    contentSecurityPolicy: { directives: { scriptSrc: ["'nonce'"], 'style-src': false } },
    strictTransportSecurity: { maxAge: '8760h' },
    referrerPolicy: ['no-referrer', 'origin'],
    xFrameOptions: false,
  }),
  Timeout.default(),
  Timeout.new({ handler: '2s' }),
  BodyLimit.default(),
  BodyLimit.new({ max: 1024 }),
  ConcurrencyLimit.default(),
  ConcurrencyLimit.new({ max: 10, queue: 100, queueTimeout: '1s' }),
  Health.default()
    .check('a', () => {})
    .check('b', async (signal: AbortSignal) => signal.aborted),
  Health.new({ liveness: '/live', readiness: '/ready', details: true, beforeJs: true }).check(
    'c',
    () => true,
    {
      interval: 100,
      timeout: '1s',
      probe: 'liveness',
    },
  ),
]

// --- Options are checked, and read-only afterwards ---
// @ts-expect-error
Logger.new({ format: 'xml' })
// @ts-expect-error
Timeout.new({ body: '1s' })
// @ts-expect-error
Health.default().check('a', () => true, { probe: 'startup' })
// @ts-expect-error
Logger.new({ colour: true })
// @ts-expect-error
Cache.new({ query: 'all' })
// @ts-expect-error
Compress.new({ codings: ['deflate'] })
// @ts-expect-error
RateLimit.new({ key: { query: 'a' } })
// @ts-expect-error
RateLimit.new({ redis: {} })
// @ts-expect-error
RateLimit.new({ headers: true })
const key: RateLimitKey = ['ip', { cookie: 'sid' }, { value: 'tenant' }]
RateLimit.new({ key })
// @ts-expect-error
SecurityHeaders.new({ xFrameOptions: 'ALLOW' })
// @ts-expect-error
Cors.permissive().options.origins = '*'
// @ts-expect-error
Logger.default().options = {}
// @ts-expect-error
new Cors({})
export const options: Readonly<CorsOptions> = Cors.permissive().options
