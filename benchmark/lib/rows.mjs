// Servers that are asked in turn, some of them for several things: the rows of a table.
import { request as send } from 'node:http'
import { startContender } from './child.mjs'
import { drive, warmUpWith } from './load.mjs'
import { orderOf } from './turns.mjs'

/** Warm-ups of each row before its turns. */
export const WARMUPS = 2

/** One answer: `{ status, headers, body }`, nothing decoded. */
function ask(port, { method, path, header }) {
  const [name, value] = header?.split(': ') ?? []
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path, headers: name ? { [name]: value } : {} }
    const request = send(options, async (response) => {
      const chunks = await response.toArray()
      resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) })
    })
    request.on('error', reject).end()
  })
}

/** Bytes of the content of its answer, when `isRight(answer)` says that it is one. What the first ones leave behind counts. */
export async function proven(name, port, request, isRight) {
  await ask(port, request)
  await ask(port, request)
  const answer = await ask(port, request)
  if (isRight(answer)) return answer.body.length
  const { status, headers, body } = answer
  const seen = JSON.stringify({ status, headers, body: body.subarray(0, 200).toString('latin1') })
  throw new Error(`${name} answered ${request.path} with ${seen}`)
}

/**
 * Drives all `loads`, by the work of their samples; `servers` has the contenders that `load.rows` name. `begin(work)` and
 * `end(work)` frame a load; what comes of a turn is given to `add(name, work, slice, figures)`.
 */
export async function rows(loads, servers, slices, settings, { begin, add, end }) {
  const running = {}
  try {
    for (const [name, contender] of Object.entries(servers))
      running[name] = { contender, server: await startContender(contender) }
    for (const [work, load] of Object.entries(loads)) {
      const own = Object.entries(load.rows).map(
        ([name, { server = name, isRight = load.isRight, ...more }]) => ({
          ...running[server],
          name,
          isRight,
          request: { ...load.request, ...more },
        }),
      )
      begin(work)
      for (const each of own) {
        each.bytes = await proven(each.name, each.server.port, each.request, each.isRight)
        await warmUpWith(each, { ...settings, warmup: WARMUPS * settings.warmup })
      }
      for (let slice = 1; slice <= slices; slice++) {
        for (const each of orderOf(own, slice)) {
          const figures = await drive(each, settings)
          add(each.name, work, slice, { ...figures, bytes: each.bytes })
        }
      }
      end(work)
    }
  } finally {
    await Promise.all(Object.values(running).map(({ server }) => server.stop()))
  }
}

/** Seconds that this takes, when a server takes `visit` to start and wrk `wrk` to end. */
export function secondsOfRows(loads, servers, slices, { warmup, duration }, { visit, wrk }) {
  const turn = ({ request, rows }) =>
    Object.keys(rows).length * (WARMUPS * warmup + wrk + slices * (duration * (request.turns ?? 1) + wrk))
  return servers * visit + Object.values(loads).reduce((sum, load) => sum + turn(load), 0)
}
