import {
  type AcmeOptions,
  App,
  type ListenerOptions,
  type ListenOption,
  type RefusedStats,
  type Server,
} from '@armature/core'

// --- Every form of a place, and lists of them ---
export const forms: ListenOption[] = [
  8080,
  '[::1]:8080',
  'fd:3',
  { port: 0, host: '::' },
  { path: '/run/app.sock', mode: 0o660 },
  { path: '/run/app.sock', mode: '0660' },
  { fd: 3, proxy: ['10.0.0.0/8', '::1'] },
  { port: 8081, proxy: true },
  [8080, 'unix:/run/app.sock', { fd: 3 }],
]
const trusted = ['10.0.0.0/8'] as const
export const options: ListenerOptions = { port: 1, proxy: trusted }
App.new({ limits: { connectionsPerIp: 100 } })

// @ts-expect-error
void App.new().run({ listen: { fd: '3' } })
// @ts-expect-error
void App.new().run({ listen: { port: 1, proxy: '10.0.0.0/8' } })
// @ts-expect-error
void App.new().run({ listen: { port: 1, tls: { cert: 1 } } })
const acme: AcmeOptions = {
  domains: ['example.com'],
  storage: '/acme',
  challenge: 'http-01',
  ca: new Uint8Array(),
  retry: '1m',
}
void App.new().run({ listen: { port: 1, tls: { acme } } })
// @ts-expect-error
void App.new().run({ listen: { port: 1, tls: { acme: { domains: ['example.com'] } } } })
// @ts-expect-error
void App.new().run({ listen: { port: 1, tls: { acme: { ...acme, challenge: 'dns-01' } } } })
// @ts-expect-error
void App.new().run({ listen: [[1]] })

// --- What a server says of them ---
export async function shows(server: Server): Promise<[string | undefined, number]> {
  const by: RefusedStats = server.stats().refusedBy
  // @ts-expect-error
  server.addresses.push('x')
  return [server.addresses[0], by.connections + by.connectionsPerIp + by.proxy]
}
