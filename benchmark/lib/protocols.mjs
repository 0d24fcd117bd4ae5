// What other protocols cost: HTTP/2, TLS and its handshakes, HTTP/3 beside the same server's HTTP/2.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quiet, run } from '../../scripts/lib/run.mjs'
import { contenders, engine, yardstick } from '../contenders.mjs'
import { loads } from '../works.mjs'
import { startContender } from './child.mjs'
import { buildCrate, programOf, said } from './crates.mjs'
import { quietServer } from './load.mjs'
import { cpu, cpuBetween, rss } from './proc.mjs'
import { orderOf } from './turns.mjs'
import { insist, wrk } from './wrk.mjs'

const PATH = '/users/42'
/** The first look at how many requests a server answers. */
const PROBE = 2000
const tools = { h2load: 'nghttp2-client', gtlsclient: 'ngtcp2-client', openssl: 'openssl' }

/** Why it cannot be measured here, or undefined. */
export async function prepareProtocols() {
  for (const [tool, debian] of Object.entries(tools)) {
    if ((await quiet(tool, [tool === 'openssl' ? 'version' : '--help'])).code === 127)
      return `${tool} is missing (Debian: ${debian})`
  }
  return buildCrate('handshakes')
}

const silent = { stdout: 'pipe', stderr: 'pipe', timeout: 60_000 }

/** Answers of `count` requests over HTTP/2, `{ requests, microseconds }`. */
async function h2load(url, count, connections, streams) {
  const args = ['-n', String(count), '-c', String(connections), '-m', String(streams), url]
  const { stdout, stderr } = await run('h2load', args, silent)
  const all = new RegExp(`\\b${count} succeeded, 0 failed`)
  const finished = /finished in ([\d.]+)(us|ms|s),/.exec(stdout)
  if (!all.test(stdout) || !stdout.includes(` ${count} 2xx,`) || !finished)
    throw new Error(`h2load failed:\n${stdout}${stderr}`)
  const unit = { us: 1, ms: 1000, s: 1_000_000 }[finished[2]]
  return { requests: count, microseconds: Number(finished[1]) * unit }
}

/** The same over HTTP/3, on one connection. */
async function h3load(port, count) {
  const url = `https://127.0.0.1:${port}${PATH}`
  const flags = ['-q', '--no-quic-dump', '--no-http-dump', '--exit-on-all-streams-close', '-n', String(count)]
  const begin = performance.now()
  const { code, stdout, stderr } = await run('gtlsclient', [...flags, '127.0.0.1', String(port), url], silent)
  if (code !== 0) throw new Error(`gtlsclient failed with code ${code}:\n${stdout}${stderr}`)
  return { requests: count, microseconds: (performance.now() - begin) * 1000 }
}

/** Full handshakes of TLS 1.3 for `seconds`, which OpenSSL takes whole. */
async function handshakes(port, seconds) {
  const time = Math.max(1, Math.round(seconds))
  const args = ['s_time', '-connect', `127.0.0.1:${port}`, '-new', '-tls1_3', '-time', String(time)]
  const { stdout, stderr } = await run('openssl', args, silent)
  const line = /^(\d+) connections in (\d+) real seconds/m.exec(stdout)
  if (!line) throw new Error(`openssl s_time failed:\n${stdout}${stderr}`)
  return { requests: Number(line[1]), microseconds: Number(line[2]) * 1_000_000 }
}

/** The same of `clients` at a time, on one thread; `cpuClient` is what it spends on each. */
const handshakesAtOnce = (clients) => async (port, seconds) => {
  const args = [port, clients, Math.round(seconds * 1000)].map(String)
  const { handshakes, microseconds, cpu } = said(
    'handshakes',
    await run(programOf('handshakes'), args, silent),
  )
  return { requests: handshakes, microseconds, cpuClient: cpu / handshakes }
}

/** As many requests as fill `seconds`, by what `ask(count)` took the last time. */
function filling(ask) {
  let perSecond
  return async (port, seconds) => {
    const count = perSecond ? Math.max(PROBE, Math.round(perSecond * seconds)) : PROBE
    const result = await ask(port, count)
    perSecond = (result.requests * 1_000_000) / result.microseconds
    return result
  }
}

const http = (port) => `http://127.0.0.1:${port}${PATH}`
const https = (port) => `https://127.0.0.1:${port}${PATH}`

/** By the work of their samples: who takes part, how they are driven, and who is the yardstick. */
export const protocolLoads = {
  'protocols: http2': {
    title: 'GET /users/:id over HTTP/2 without TLS, 8 connections with 32 streams (h2load)',
    servers: () => ({ ...armature(), ...fastify(), ...hyperHttp2() }),
    drive: () => filling((port, count) => h2load(http(port), count, 8, 32)),
    yardstick,
    to: engine,
  },
  'protocols: tls': {
    title: 'GET /users/:id over HTTP/1.1 behind TLS 1.3, 64 connections that stay (wrk)',
    servers: (files) => ({ ...armatureTls(files), ...fastify(files) }),
    drive:
      ({ threads }) =>
      async (port, seconds) => {
        const { requests, perSecond } = await wrk(port, loads.user, { threads, seconds, tls: true })
        return { requests, microseconds: (requests / perSecond) * 1_000_000 }
      },
    yardstick,
  },
  'protocols: handshakes': {
    title: 'Full handshakes of TLS 1.3, one after the other (openssl s_time)',
    servers: (files) => ({ ...armatureTls(files), ...nodeHttps(files) }),
    drive: () => handshakes,
    yardstick: 'node-https',
  },
  'protocols: handshakes, 8 clients': {
    title: 'The same of 8 clients at a time, X25519 (benchmark/handshakes, one thread)',
    servers: (files) => ({ ...armatureTls(files), ...nodeHttps(files) }),
    drive: () => handshakesAtOnce(8),
    yardstick: 'node-https',
  },
  'protocols: http3': {
    title:
      'GET /users/:id over HTTP/3, one connection (gtlsclient), beside the HTTP/2 of the same server (h2load, TLS)',
    servers: (files) => {
      const server = armatureTls(files)['armature-async']
      return { 'HTTP/2': server, 'HTTP/3': server }
    },
    drive: (_settings, name) =>
      filling(name === 'HTTP/3' ? h3load : (port, count) => h2load(https(port), count, 1, 100)),
    yardstick: 'HTTP/2',
  },
}

const scriptOf = (name, file, ...args) => {
  const contender = contenders[name]
  return {
    ...contender,
    command: [...contender.command.slice(0, 2), contender.command[2].replace(/[^/]+$/, file), ...args],
  }
}
const names = ['armature-inline-async', 'armature-async']
const armature = () => Object.fromEntries(names.map((name) => [name, contenders[name]]))
const armatureTls = (files) =>
  Object.fromEntries(names.map((name) => [name, scriptOf(name, 'protocols-armature.mjs', ...files)]))
const fastify = (files = []) => ({ [yardstick]: scriptOf(yardstick, 'protocols-fastify.mjs', ...files) })
const nodeHttps = (files) => ({ 'node-https': scriptOf('node-http', 'protocols-node.mjs', ...files) })
const hyperHttp2 = () => {
  const contender = contenders[engine]
  return { [engine]: { ...contender, command: [...contender.command, '--http2'] } }
}

/** A certificate and its key, of the kind that certificate authorities issue most. */
function certificate(folder) {
  const files = ['cert.pem', 'key.pem'].map((name) => join(folder, name))
  const [cert, key] = files
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-days', '2', '-out', cert], {
    stdio: 'pipe',
  })
  return files
}

const turn = (each, seconds) =>
  insist(
    () => turnOnce(each, seconds),
    () => quietServer(each.server.pid),
  )

async function turnOnce({ server, contender, drive }, seconds) {
  const before = cpu(server.pid)
  const { requests, microseconds, cpuClient } = await drive(server.port, seconds)
  const spent = cpuBetween(server.pid, before, cpu(server.pid))
  const rssMegabytes = rss(server.pid) / 2 ** 20
  await quietServer(server.pid)
  return {
    perSecond: (requests * 1_000_000) / microseconds,
    cpuProcess: spent.process / requests,
    cpuMain: contender.javascript ? spent.main / requests : undefined,
    cpuClient,
    rssMegabytes,
  }
}

async function part(work, load, files, slices, settings, { begin, add, end }) {
  const running = []
  try {
    for (const [name, contender] of Object.entries(load.servers(files))) {
      const server = await startContender(contender)
      running.push({ name, contender, server, drive: load.drive(settings, name) })
    }
    begin(work)
    for (let i = 0; i < 3; i++) {
      for (const each of running) await turn(each, settings.warmup)
    }
    for (let slice = 1; slice <= slices; slice++) {
      for (const each of orderOf(running, slice)) {
        add(each.name, work, slice, await turn(each, settings.duration))
      }
    }
    end(work)
  } finally {
    await Promise.all(running.map(({ server }) => server.stop()))
  }
}

/** `begin(work)` and `end(work)` frame a load; what comes of a turn is given to `add(name, work, slice, figures)`. */
export async function protocols(slices, settings, hooks) {
  const folder = mkdtempSync(join(tmpdir(), 'armature-benchmark-'))
  try {
    const files = certificate(folder)
    for (const [work, load] of Object.entries(protocolLoads))
      await part(work, load, files, slices, settings, hooks)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
