// Clients that abuse HTTP/2, over raw frames: what they cost is bounded, and others are served meanwhile.
import { expect, test } from 'vitest'
import { abuse } from './abuse.js'
import { needsPython } from './python.js'

/**
 * 2000 requests of 1 MiB that arrive at the same time: JavaScript makes answers faster than an engine that is not optimised gives
 * them up, and what is on its way between the two is not bounded.
 */
const MADE_AT_ONCE = 192 << 20

const ends: Record<string, RegExp> = {
  rapid_reset: /^ENHANCE_YOUR_CALM$/,
  continuation_flood: /^(ENHANCE_YOUR_CALM|PROTOCOL_ERROR|COMPRESSION_ERROR|closed)$/,
  empty_continuations: /^(ENHANCE_YOUR_CALM|closed)$/,
  empty_data: /^(ENHANCE_YOUR_CALM|closed)$/,
  settings_flood: /^(ENHANCE_YOUR_CALM|closed)$/,
  ping_flood: /^(ENHANCE_YOUR_CALM|closed)$/,
  unread_pings: /^(ENHANCE_YOUR_CALM|closed|stalled)$/,
  zero_window: /./,
  // 2000 answers of 1 MiB, and 150 of 4 MiB over HTTP/1.
  zero_window_large: /./,
  unread_large: /./,
  http1_unread: /./,
  hpack_bomb: /./,
  window_updates: /^(ENHANCE_YOUR_CALM|FLOW_CONTROL_ERROR|closed)$/,
}

test.for(Object.entries(ends))('%s', { timeout: 60_000 }, async ([name, end], context) => {
  const { sent, end: ended, grown, after, latencies } = await abuse(name, needsPython(context, 'h2==4.4.1'))
  expect(sent).toBeGreaterThan(0)
  expect(ended).toMatch(end)
  expect(grown).toBeLessThan(name === 'zero_window_large' ? MADE_AT_ONCE : 64 << 20)
  expect(after).toMatchObject({ connections: 1, inFlight: 0, used: 0, unsentBytes: 0 })
  expect(latencies.length).toBeGreaterThan(10)
})
