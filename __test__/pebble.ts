// pebble, the authority of Let's Encrypt for tests, on loopback, with a DNS in which every name is this machine.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Authority } from './certificates.js'

export interface PebbleOptions {
  /** The port at which it looks for proofs by handshake. */
  tlsPort?: number
  /** The port at which it looks for proofs by request. */
  httpPort?: number
  /** How long its certificates are valid, in seconds. */
  validity?: number
  /** How many nonces of a hundred it refuses although they are good. */
  badNonces?: number
  /** Where it listens; by default where there is room. */
  port?: number
}

/** An authority as a process, which ends with it. */
export class Pebble implements AsyncDisposable {
  readonly port: number
  readonly #children: ChildProcess[] = []
  readonly #authority: Authority
  readonly #management: number
  #output = ''

  private constructor(authority: Authority, port: number, management: number) {
    this.#authority = authority
    this.port = port
    this.#management = management
  }

  static async start(authority: Authority, options: PebbleOptions): Promise<Pebble> {
    const [port, management, dns] = [options.port ?? (await freePort()), await freePort(), await freePort()]
    const pebble = new Pebble(authority, port, management)
    const { cert, key } = authority.issue('localhost', '127.0.0.1')
    const config = join(authority.folder, `pebble-${port}.json`)
    const { tlsPort = 1, httpPort = 1, validity = 86_400, badNonces = 0 } = options
    const settings = {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: cert,
      privateKey: key,
      httpPort,
      tlsPort,
      certificateValidityPeriod: validity,
    }
    writeFileSync(config, JSON.stringify({ pebble: settings }))
    const off = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', '']
    const names = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${await freePort()}`]
    pebble.#spawn('pebble-challtestsrv', [...off, ...names], {})
    pebble.#spawn('pebble', ['-config', config, '-dnsserver', `127.0.0.1:${dns}`], {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(badNonces),
      PEBBLE_AUTHZREUSE: '0',
    })
    for (let tries = 0; ; tries++) {
      try {
        await pebble.#ask(`${pebble.directory}`)
        return pebble
      } catch (error) {
        if (tries === 200) throw new Error(`pebble does not answer:\n${pebble.#output}`, { cause: error })
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }

  get directory(): string {
    return `https://localhost:${this.port}/dir`
  }

  /** What it has said: each request is a line. */
  get output(): string {
    return this.#output
  }

  /** The root of the certificates that it issues, new with each start. */
  root(): Promise<string> {
    return this.#ask(`https://127.0.0.1:${this.#management}/roots/0`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = once(child, 'close')
      child.kill('SIGKILL')
      await ended
    }
  }

  #spawn(command: string, args: string[], env: Record<string, string>): void {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (data) => (this.#output += data))
    child.stderr.on('data', (data) => (this.#output += data))
    this.#children.push(child)
  }

  async #ask(url: string): Promise<string> {
    const ca = readFileSync(this.#authority.ca)
    const request = get(url, { ca, agent: false })
    const [response] = await once(request, 'response')
    return text(response)
  }
}

/** Ports that a process has for itself. */
const OWN_PORTS = 24
let ports = 0

/**
 * A free port, for programs that choose none by themselves. It is below those that the system hands out, and of a range that other
 * processes of tests have elsewhere: nobody takes it before it is used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + (process.pid % 500) * OWN_PORTS + (ports++ % OWN_PORTS)
    const socket = createServer().listen(port, '127.0.0.1')
    try {
      await once(socket, 'listening')
    } catch {
      continue // Somebody has it.
    }
    await new Promise((resolve) => socket.close(resolve))
    return port
  }
}
