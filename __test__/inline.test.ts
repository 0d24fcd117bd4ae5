import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { App } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'
import { RawClient } from './helper.js'
import { preload } from './preload.js'

const inline = { run: { listen: '127.0.0.1:0', io: 'inline' } } as const

const serve = `
  const { App } = require('@armature/core')
  const app = App.new().get('/', () => 'hello')
`

function run(
  script: string,
  command: string[] = [],
): { status: number | null; stdout: string; stderr: string } {
  const [program = process.execPath, ...args] = [...command, process.execPath, '-e', serve + script]
  return spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, NODE_ENV: '' },
  })
}

test('no thread does IO, and the process ends by itself', () => {
  const result = run(`
    const threads = () => require('node:fs').readdirSync('/proc/self/task').length
    const before = threads()
    app.run({ listen: '127.0.0.1:0', io: 'inline' }).then(async (server) => {
      const text = await (await fetch(server.url)).text()
      await server.close()
      console.log(text, threads() - before)
    })
  `)
  expect(result.stderr).toMatch(/^armature: http:\S+ \| 1 route \| IO inline \| 1 JS thread\n$/)
  // The line for people is not among what programs read.
  expect([result.status, result.stdout]).toEqual([0, 'hello 0\n'])
})

test('two servers share the thread', async () => {
  await using a = await testServer(
    App.new().get('/', () => 'a'),
    inline,
  )
  await using b = await testServer(
    App.new().get('/', () => 'b'),
    inline,
  )
  const answers = await Promise.all([a, b, a, b].map(async (t) => (await t.fetch('/')).text()))
  expect(answers).toEqual(['a', 'b', 'a', 'b'])
})

test('a server that closes inside its own handler', async () => {
  const app = App.new().get('/', () => {
    void t.server.close()
    return 'last'
  })
  const t = await testServer(app, inline)
  expect(await (await t.fetch('/')).text()).toBe('last')
  await t.server.close()
})

test('a worker that ends while its server answers takes only itself down', async () => {
  const worker = new Worker(
    `${serve}
    app.get('/never', () => new Promise(() => {}))
    app.run({ listen: '127.0.0.1:0', io: 'inline', signals: false }).then((server) => {
      require('node:worker_threads').parentPort.postMessage(server.port)
    })`,
    { eval: true },
  )
  const port = await new Promise<number>((resolve) => worker.once('message', resolve))
  await using client = await RawClient.to(port)
  client.send('GET /never HTTP/1.1\r\nhost: t\r\n\r\n')
  await using other = await RawClient.to(port)
  expect((await other.get('/')).body).toBe('hello')
  await worker.terminate()
  expect((await client.read().catch(() => ({ status: 503 }))).status).toBe(503)
})

const once = `app.run({ listen: '127.0.0.1:0', io: 'inline' }).then(async (server) => {
  console.log(await (await fetch(server.url)).text())
  await server.close()
})`

test('no /proc is needed', () => {
  // A mount namespace in which it is empty.
  const result = run(once, ['unshare', '-Urm', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$0" "$@"'])
  expect(result.stderr).toMatch(/^armature: .* IO inline \| 1 JS thread\n$/)
  expect([result.status, result.stdout]).toEqual([0, 'hello\n'])
})

test('where nobody can wait for an event queue, IO threads take its place and a warning says so', () => {
  const folder = mkdtempSync(join(tmpdir(), 'armature-inline-'))
  try {
    // A kernel that lets no event queue watch another one.
    const source = `
      #define _GNU_SOURCE
      #include <errno.h>
      #include <stdio.h>
      #include <string.h>
      #include <sys/epoll.h>
      #include <sys/syscall.h>
      #include <unistd.h>
      int epoll_ctl(int queue, int operation, int watched, struct epoll_event *event) {
        char path[32], link[32] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", watched);
        if (readlink(path, link, sizeof link - 1) > 0 && strstr(link, "[eventpoll]")) {
          errno = EPERM;
          return -1;
        }
        return syscall(SYS_epoll_ctl, queue, operation, watched, event);
      }`
    const result = run(once, preload(folder, source))
    expect(result.stderr).toContain('| 1 IO thread |')
    expect(result.stdout).toBe('hello\n')
    expect(result.stderr).toMatch(/ARMATURE_INLINE_FALLBACK.*others can wait for; Operation not permitted/)
    expect(result.status).toBe(0)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
