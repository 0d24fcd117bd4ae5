// How many instructions a server's process takes for one request, and whose they are: `node benchmark/micro/process.mjs`. Unlike
// benchmark/instructions it has JavaScript in it, what V8 does for it and what is shared by the requests of a batch. Counts of
// several runs differ by about a hundredth: how V8 compiles, and how many requests find each other, is not always the same.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { args } from '../../scripts/lib/args.mjs'
import { readCallgrind } from '../../scripts/lib/callgrind.mjs'
import { fail, step } from '../../scripts/lib/log.mjs'
import { run } from '../../scripts/lib/run.mjs'
import { contenders } from '../contenders.mjs'
import { startContender } from '../lib/child.mjs'
import { ask, open } from '../lib/client.mjs'

const names = Object.keys(contenders).filter((name) => contenders[name].javascript)
const help = `
node benchmark/micro/process.mjs [--only <names>] [--path <path>] [--expect <text>]

Counts instructions under valgrind, which takes a minute or two for each server.

  --only <names>   servers, separated by commas (armature-inline-async,fastify): ${names.join(',')}
  --path <path>    what is asked for (/users/42)
  --expect <text>  what every answer has in it (Alice)
`
const {
  only = 'armature-inline-async,fastify',
  path = '/users/42',
  expect = 'Alice',
} = args(help, { only: { type: 'string' }, path: { type: 'string' }, expect: { type: 'string' } })

const CONNECTIONS = 16
/** Of each connection: until V8 has compiled what it will, and those that count. */
const WARM = 1500
const COUNTED = 1000

async function requests(sockets, each) {
  const loop = async (socket) => {
    for (let n = 0; n < each; n++) await ask(socket, path, expect)
  }
  await Promise.all(sockets.map(loop))
}

/** Instructions by the file whose code they are of. */
function spent(text) {
  const sums = new Map()
  for (const { object, self } of readCallgrind(text).functions.values()) {
    sums.set(object, (sums.get(object) ?? 0) + self[0])
  }
  return sums
}

async function measure(name) {
  const folder = await mkdtemp(join(tmpdir(), 'armature-instructions-'))
  const valgrind = ['valgrind', '--quiet', '--tool=callgrind', '--smc-check=all-non-file']
  const command = [...valgrind, `--callgrind-out-file=${join(folder, 'out')}`, ...contenders[name].command]
  const server = await startContender({ ...contenders[name], command }, { starting: 120_000 })
  try {
    const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => open(server.port)))
    await requests(sockets, WARM)
    // A dump sets the counts to nothing; names are in the first one that has them.
    const dump = () =>
      run('callgrind_control', ['--dump', String(server.pid)], { stdout: 'pipe', stderr: 'pipe' })
    await dump()
    await requests(sockets, COUNTED)
    await dump()
    for (const socket of sockets) socket.destroy()
    const files = (await readdir(folder)).filter((file) => /\.\d+$/.test(file)).sort()
    if (files.length !== 2) fail('valgrind has not counted', 'Is callgrind_control on the PATH?')
    const dumps = await Promise.all(files.map((file) => readFile(join(folder, file), 'latin1')))
    // The second one goes on with the numbers that the first one gave to names.
    const before = spent(dumps[0])
    return [...spent(dumps.join('\n'))].map(([file, all]) => [file, all - (before.get(file) ?? 0)])
  } finally {
    await server.stop()
    await rm(folder, { recursive: true })
  }
}

/** Whose code a file of the process is. */
function owner(file) {
  if (file.endsWith('.node')) return 'addon'
  if (/\/(node|nodejs)$/.test(file)) return 'Node.js and V8'
  return file.includes('.so') ? 'C library' : 'compiled JavaScript'
}

for (const name of only.split(',')) {
  if (!names.includes(name)) fail(`no server is named ${name}`, `There are: ${names.join(' ')}`)
  step(`counting ${name}`)
  const sums = new Map()
  for (const [file, instructions] of await measure(name)) {
    sums.set(owner(file), (sums.get(owner(file)) ?? 0) + instructions / (COUNTED * CONNECTIONS))
  }
  const all = [...sums.values()].reduce((sum, each) => sum + each, 0)
  console.log(`${name}: ${Math.round(all).toLocaleString('en')} instructions for GET ${path}`)
  for (const [who, each] of sums)
    console.log(`  ${Math.round(each).toLocaleString('en').padStart(9)}  ${who}`)
}
