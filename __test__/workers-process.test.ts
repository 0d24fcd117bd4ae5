// Servers with workers as whole processes: module formats, what a worker is given, signals, and how they end.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasNode, nodeBinary, nodes } from '../scripts/lib/nodes.mjs'
import { startServer } from '../scripts/testing/process.mjs'

const fixtures = join(__dirname, 'fixtures/workers')
const tsx = require.resolve('tsx')
const [node22 = ''] = nodes.later

interface Who {
  thread: number
  isPrimary: boolean
  argv: string[]
  env: string
}

/** Who answers, of some requests one after the other. */
async function ask(url: string, count = 12): Promise<Map<number, Who>> {
  const seen = new Map<number, Who>()
  for (let n = 0; n < count; n++) {
    const who = (await (await fetch(`${url}/who`)).json()) as Who
    seen.set(who.thread, who)
  }
  return seen
}

const stopped = (output: string) =>
  [...output.matchAll(/^stopped (\d+)$/gm)].map(([, thread]) => Number(thread)).sort()

test.each([
  ['ESM', ['server.mjs'], process.execPath],
  ['CommonJS', ['server.cjs'], process.execPath],
  ['CommonJS without the extension', ['bare'], process.execPath],
  ['TypeScript by --import tsx', ['--import', tsx, 'server.mts'], process.execPath],
  ['CommonJS in TypeScript by --import tsx', ['--import', tsx, 'server.cts'], process.execPath],
  ['TypeScript by Node.js', ['server.mts'], nodeBinary(node22)],
])('%s: the module runs in every thread', async (_, args, node) => {
  if (node !== process.execPath && !hasNode(node22)) return
  const server = await startServer([...args, '--flag'], { cwd: fixtures, node, env: { TEST_VALUE: 'x' } })
  const seen = await ask(server.url)
  expect([...seen.keys()].length).toBe(3)
  for (const { thread, isPrimary, argv, env } of seen.values()) {
    expect([isPrimary, env]).toEqual([thread === 0, 'x'])
    expect(argv[0]).toContain(join(fixtures, args[0] === 'bare' ? 'bare' : 'server'))
    expect(argv.slice(1)).toEqual(['--flag'])
  }
  expect(await server.end('SIGTERM')).toBe(0)
  expect(stopped(server.output())).toEqual([...seen.keys()].sort())
})

test('tsx as a command', async () => {
  const cli = join(tsx, '../cli.mjs')
  const server = await startServer([cli, 'server.mts'], { cwd: fixtures })
  expect((await ask(server.url)).size).toBe(3)
  expect(await server.end('SIGTERM')).toBe(0)
})

test('onStart runs in every thread, with once in the primary; port and url are the same everywhere', async () => {
  const server = await startServer(['server.mjs'], { cwd: fixtures })
  const { port } = new URL(server.url)
  const seen = await ask(server.url)
  const lines = server.output().split('\n')
  const threads = [...seen.keys()].sort()
  expect(lines.filter((line) => line.startsWith('started ')).sort()).toEqual(
    threads.map((n) => `started ${n}`),
  )
  expect(lines.filter((line) => line.startsWith('once '))).toEqual(['once 0'])
  expect(lines.filter((line) => line.startsWith('runs ')).sort()).toEqual(
    threads.map((n) => `runs ${n} ${port} true`),
  )
  const { lanes } = (await (await fetch(`${server.url}/numbers`)).json()) as { lanes: unknown[] }
  expect(lanes.length).toBe(3)
  await server.end('SIGTERM')
})

test('SIGTERM drains every thread', async () => {
  const server = await startServer(['server.mjs'], { cwd: fixtures })
  const answers = Array.from({ length: 9 }, () => fetch(`${server.url}/slow`))
  await expect
    .poll(
      async () => ((await (await fetch(`${server.url}/numbers`)).json()) as { inFlight: number }).inFlight,
    )
    .toBe(10)
  const ended = server.end('SIGTERM')
  for (const answer of await Promise.all(answers)) expect(await answer.text()).toBe('slow')
  expect(await ended).toBe(0)
  expect(stopped(server.output()).length).toBe(3)
})

test('a worker out of memory is replaced; the process and its sockets stay', async () => {
  const server = await startServer(['--max-old-space-size=48', 'server.mjs'], { cwd: fixtures })
  for (;;) {
    const response = await fetch(`${server.url}/memory`)
    if (response.status === 200) continue
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'ARMATURE_WORKER_LOST' }])
    break
  }
  await expect.poll(() => server.output()).toMatch(/worker \d ended: .*memory/)
  await expect.poll(async () => (await ask(server.url)).size).toBe(3)
  expect(await server.end('SIGTERM')).toBe(0)
})

test('the process ends by itself when nothing else is left to do', async () => {
  const server = await startServer(['server.mjs', '--unref'], { cwd: fixtures })
  expect(await server.end('SIGWINCH')).toBe(0)
})

test('process.exit() in the primary ends everything', async () => {
  const server = await startServer(['server.mjs'], { cwd: fixtures })
  let over = false
  server.end('SIGWINCH').then(() => {
    over = true
  })
  // In a worker it ends that thread, and another one follows.
  while (!over) await fetch(`${server.url}/end`).catch(() => {})
  expect(await server.end('SIGTERM')).toBe(0)
})
