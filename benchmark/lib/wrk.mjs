// wrk, as numbers.
import { constants } from 'node:os'
import { join } from 'node:path'
import { root } from '../../scripts/lib/paths.mjs'
import { quiet, run } from '../../scripts/lib/run.mjs'
import { pinned } from './cores.mjs'

const report = join(root, 'benchmark/wrk/report.lua')

export async function hasWrk() {
  return (await quiet('wrk', ['--version'])).code !== 127
}

/**
 * SIGINT came before wrk listened for it, as happens when the machine stands still for the time of a turn: it ended without a word. Its
 * first requests may have been answered all the same.
 */
class NothingMeasured extends Error {}

/** `code` of {@link run} then. */
const UNHEARD = 128 + constants.signals.SIGINT
const MOST_AGAIN = 3

/**
 * What `measure()` resolves to, in which wrk runs. When nothing was measured it is asked again, three times at most, each time after
 * `between()`.
 */
export async function insist(measure, between) {
  for (let again = 0; ; again++) {
    try {
      return await measure()
    } catch (error) {
      if (!(error instanceof NothingMeasured) || again === MOST_AGAIN) throw error
    }
    await between?.()
  }
}

/**
 * What the line of report.lua in wrk's output says; throws when a request failed or nothing was answered. With `refused`
 * every answer has to be a refusal.
 */
export function parseReport(output, { refused = false } = {}) {
  const line = /^@@(\{.*\})$/m.exec(output)
  if (!line) throw new Error(`wrk failed:\n${output}`)
  const { requests, microseconds, p50, p99, status, socket, timeout } = JSON.parse(line[1])
  if (requests === 0) throw new Error('nothing was answered')
  const unexpected = refused ? requests - status : status
  if (unexpected + socket + timeout > 0) {
    const what = refused ? 'no refusals' : 'not 2xx'
    throw new Error(
      `${unexpected} answers were ${what}, ${socket} sockets failed, ${timeout} requests timed out`,
    )
  }
  return { requests, perSecond: (requests * 1_000_000) / microseconds, p50, p99 }
}

/**
 * Drives the server for `seconds`, which may be a fraction: wrk itself takes whole seconds only, but ends and reports in
 * good order on SIGINT. Resolves to `{ requests, perSecond, p50, p99 }`, latencies in milliseconds. Pipelined requests
 * have none: wrk measures a whole pipeline and then corrects it as if it had been one request. Nor have new connections:
 * it does not count connecting. `cores` says where wrk may run; anywhere when it is missing.
 */
export async function wrk(
  port,
  { method, path, body, header, depth, connections, close, refused },
  { seconds, threads, cores, tls = false },
) {
  const load = [
    `-t${Math.min(threads, connections)}`,
    `-c${connections}`,
    `-d${Math.ceil(seconds) + 1}s`,
    '--latency',
    '--timeout',
    '10s',
    '-s',
    report,
  ]
  const content = [body ? 'application/json' : '-', body ?? '-']
  const request = [method, path, ...content, String(depth), close ? 'close' : '-', header ?? '-']
  const milliseconds = seconds * 1000
  const options = { stdout: 'pipe', stderr: 'pipe', interrupt: milliseconds, timeout: milliseconds + 20_000 }
  const [program, ...args] = pinned(
    ['wrk', ...load, `${tls ? 'https' : 'http'}://127.0.0.1:${port}`, '--', ...request],
    cores,
  )
  const { code, stdout, stderr } = await run(program, args, options)
  if (code === UNHEARD) throw new NothingMeasured('wrk failed: it was interrupted before it was ready')
  const result = parseReport(stdout + stderr, { refused })
  return depth === 1 && !close ? result : { ...result, p50: undefined, p99: undefined }
}
