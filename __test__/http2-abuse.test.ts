// Clients that abuse HTTP/2, over raw frames: what they cost is bounded, and others are served meanwhile.
import { expect, test } from 'vitest'
import { abuse, p99 } from './abuse.js'
import { needsPython } from './python.js'

/** Bytes by which no case makes the server grow. */
const MOST_MEMORY = 64 << 20
/** Milliseconds that 99 of 100 requests of somebody else take at most. */
const MOST_DELAY = 50
/**
 * 2000 requests whose handler makes a text of a megabyte: somebody else waits for one of them for each connection, so these take longer
 * until there are a hundred of the latter, and one in a hundred can be told.
 */
const BUSY = ['zero_window_large', 'unread_large']
const SECONDS_OF_BUSY = 3
/** Times that a case may be tried until the machine has let the delay be measured, each twice as long as the one before. */
const ATTEMPTS = 3
/** So many requests of somebody else there have to be. */
const SAMPLES = 100

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

test.for(Object.entries(ends))('%s', { timeout: 120_000 }, async ([name, end], context) => {
  const python = needsPython(context, 'h2==4.4.1')
  const isBusy = BUSY.includes(name)
  let delay = Infinity
  for (let n = 0; n < ATTEMPTS && delay > MOST_DELAY; n++) {
    const {
      sent,
      end: ended,
      grown,
      after,
      latencies,
    } = await abuse(name, python, (isBusy ? SECONDS_OF_BUSY : 1) * 2 ** n)
    expect(sent).toBeGreaterThan(0)
    expect(ended).toMatch(end)
    expect(after).toMatchObject({ connections: 1, inFlight: 0, used: 0, unsentBytes: 0 })
    expect(grown).toBeLessThan(MOST_MEMORY)
    if (latencies.length > SAMPLES) delay = Math.min(delay, p99(latencies))
  }
  expect(delay).toBeLessThanOrEqual(MOST_DELAY)
})
