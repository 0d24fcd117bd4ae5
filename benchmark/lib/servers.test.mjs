// The checks before a measurement, and the measurements that do without wrk, against real servers.
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { contenders, yardstick } from '../contenders.mjs'
import { startContender } from './child.mjs'
import { checkAnswers } from './honest.mjs'
import { memory } from './memory.mjs'
import { javascript, parseCriterion, withoutRest } from './micro.mjs'

/** Checks a server that answers by `answer(req, body)`, an array of content type and text. */
async function check(answer) {
  const server = createServer(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    const [type, text] = answer(req, body)
    res.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await checkAnswers(server.address().port)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function honest({ method, url }, body) {
  if (method === 'POST') return ['application/json', body]
  if (url === '/' || url === '/fixed') return ['text/plain', 'hello']
  return ['application/json', JSON.stringify({ id: url.slice(7), name: 'Alice' })]
}

test('a server that answers what it is asked may take part', async () => {
  await check(honest)
})

test('a server that answers without looking may not', async () => {
  let first
  const constant = (req, body) => {
    if (!req.url.startsWith('/users/')) return honest(req, body)
    first ??= honest(req, body)
    return first
  }
  await expect(check(constant)).rejects.toThrow('GET /users/:id answered')
  let echoed
  const forgetful = (req, body) => {
    if (req.method === 'POST') echoed ??= body
    return honest(req, echoed)
  }
  await expect(check(forgetful)).rejects.toThrow('POST /echo answered')
})

// The yardstick and Armature's own: the others have the same routes and are checked whenever they are measured.
for (const name of [yardstick, 'armature-sync', 'armature-async']) {
  test.runIf(process.platform === 'linux')(`${name} passes the checks and lets requests wait`, async () => {
    const server = await startContender(contenders[name])
    try {
      await checkAnswers(server.port)
    } finally {
      await server.stop()
    }
    const figures = await memory(contenders[name], 200)
    expect(Object.keys(figures)).toEqual(['idle', 'inflight', 'request'])
    expect(figures.inflight).toBeCloseTo(figures.idle + figures.request, 6)
  })
}

test('a contender that does not start says why', async () => {
  const broken = { command: [process.execPath, '-e', 'throw new Error("no luck")'], javascript: true }
  await expect(startContender(broken, { quiet: true })).rejects.toThrow(/ended with code 1[\s\S]*no luck/)
})

test('the small benchmarks run against this build', async () => {
  const results = await javascript({ quick: true })
  expect(results.length).toBeGreaterThanOrEqual(6)
  for (const result of results) {
    expect(result).toMatchObject({ name: expect.any(String), in: 'JavaScript' })
    expect(result.nanoseconds).toBeGreaterThan(1)
  }
})

test('estimates of criterion, whatever their unit and however long their name', () => {
  const output = `
one parameter           time:   [33.108 ns 33.412 ns 33.901 ns]
                        change: [-1.2% +0.1% +1.5%] (p = 0.80 > 0.05)
a name with more characters than fit
                        time:   [1.5000 µs 1.6000 µs 1.7000 µs]
chain/3 layers          time:   [900.00 ps 500.00 ps 1.0000 ns]
`
  expect(parseCriterion(output)).toEqual([
    { name: 'one parameter', nanoseconds: 33.412 },
    { name: 'a name with more characters than fit', nanoseconds: 1600 },
    { name: 'chain/3 layers', nanoseconds: 0.5 },
  ])
})

test('of an idle layer what it adds counts', () => {
  const results = Object.entries({
    'chain/3 layers': 90,
    'idle/none': 60,
    'idle/Cors': 75,
    'idle later/none': 100,
  })
  const named = [...results, ['idle later/Cors', 140]].map(([name, nanoseconds]) => ({ name, nanoseconds }))
  expect(withoutRest(named)).toEqual([
    { name: 'chain/3 layers', nanoseconds: 90 },
    { name: 'idle/Cors', nanoseconds: 15 },
    { name: 'idle later/Cors', nanoseconds: 40 },
  ])
})
