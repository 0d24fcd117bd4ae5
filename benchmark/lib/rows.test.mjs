// Rows: whether the servers answer what they are asked for, before anybody counts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { yardstick } from '../contenders.mjs'
import { startContender } from './child.mjs'
import { layersLoads, layersServers } from './layers.mjs'
import { nginx, nginxVersion } from './nginx.mjs'
import { proven } from './rows.mjs'

const linux = process.platform === 'linux'

for (const [name, contender] of Object.entries(layersServers())) {
  // What Fastify needs is installed when it is measured.
  if (name === yardstick) continue
  test.runIf(linux)(`${name} answers what layers are measured with`, async () => {
    const server = await startContender(contender)
    try {
      for (const { request, rows, isRight } of Object.values(layersLoads)) {
        for (const [row, { server: by = row, isRight: own = isRight, ...more }] of Object.entries(rows)) {
          if (by !== name) continue
          const bytes = await proven(name, server.port, { ...request, ...more }, own)
          expect(bytes).toBeGreaterThan(0)
        }
      }
    } finally {
      await server.stop()
    }
  })
}

test('another answer is told with its request', async () => {
  const server = createServer((_req, res) => res.end('something else'))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { request, isRight } = layersLoads['layers: gzip']
    const asked = proven('it', server.address().port, request, isRight)
    await expect(asked).rejects.toThrow('it answered /compressed/orders with {"status":200,')
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test.runIf(linux && nginxVersion())(
  'nginx serves a folder, and ends when it is told to',
  async ({ onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), 'armature-bench-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'a.bin'), 'a')
    const server = await startContender(await nginx(folder, folder))
    const isRight = ({ body }) => body.toString() === 'a'
    expect(await proven('nginx', server.port, { method: 'GET', path: '/a.bin' }, isRight)).toBe(1)
    await server.stop()
    await expect(proven('nginx', server.port, { method: 'GET', path: '/a.bin' }, isRight)).rejects.toThrow()
  },
)
