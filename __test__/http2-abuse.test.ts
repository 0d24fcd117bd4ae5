// Clients that abuse HTTP/2, over raw frames: what they cost is bounded, and others are served meanwhile.
import { expect, test } from 'vitest'
import { abuse } from './abuse.js'
import { needsPython } from './python.js'

const ends: Record<string, RegExp> = {
  rapid_reset: /^ENHANCE_YOUR_CALM$/,
  continuation_flood: /^(ENHANCE_YOUR_CALM|PROTOCOL_ERROR|COMPRESSION_ERROR|closed)$/,
  empty_continuations: /^(ENHANCE_YOUR_CALM|closed)$/,
  empty_data: /^(ENHANCE_YOUR_CALM|closed)$/,
  settings_flood: /^(ENHANCE_YOUR_CALM|closed)$/,
  ping_flood: /^(ENHANCE_YOUR_CALM|closed)$/,
  unread_pings: /^(ENHANCE_YOUR_CALM|closed|stalled)$/,
  zero_window: /./,
  hpack_bomb: /./,
  window_updates: /^(ENHANCE_YOUR_CALM|FLOW_CONTROL_ERROR|closed)$/,
}

test.for(Object.entries(ends))('%s', { timeout: 60_000 }, async ([name, end], context) => {
  const { sent, end: ended, grown, after, latencies } = await abuse(name, needsPython(context, 'h2==4.4.1'))
  expect(sent).toBeGreaterThan(0)
  expect(ended).toMatch(end)
  expect(grown).toBeLessThan(64 << 20)
  expect(after).toMatchObject({ connections: 1, inFlight: 0, used: 0 })
  expect(latencies.length).toBeGreaterThan(10)
})
