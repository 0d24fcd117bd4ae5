// Certificates for tests, made with openssl as its users do.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and its key: paths of files in PEM. */
export interface Pair {
  cert: string
  key: string
}

/** A root of its own in a folder that goes with it. */
export class Authority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'armature-tls-'))
  readonly #root = this.#paths('root')
  #issued = 0

  constructor(name = 'Test Root') {
    const { cert, key } = this.#root
    this.#openssl('req', '-x509', ...newKey(key), '-subj', `/CN=${name}`, '-days', '2', '-out', cert)
  }

  /** The certificate of the root. */
  get ca(): string {
    return this.#root.cert
  }

  /** A certificate for `names`, which the root has signed. */
  issue(...names: string[]): Pair {
    const pair = this.#paths(`issued-${++this.#issued}`)
    const request = `${pair.cert}.csr`
    const extensions = `${pair.cert}.ext`
    this.#openssl('req', '-new', ...newKey(pair.key), '-subj', `/CN=${names[0]}`, '-out', request)
    const all = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`))
    writeFileSync(extensions, `subjectAltName=${all.join(',')}\n`)
    const by = ['-CA', this.#root.cert, '-CAkey', this.#root.key, '-CAcreateserial', '-days', '2']
    this.#openssl('x509', '-req', '-in', request, ...by, '-extfile', extensions, '-out', pair.cert)
    return pair
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #paths(name: string): Pair {
    return { cert: join(this.folder, `${name}.crt`), key: join(this.folder, `${name}.key`) }
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' })
  }
}

/** What is in the files of a pair. */
export function contents(pair: Pair): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(pair.cert), key: readFileSync(pair.key) }
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path]
}
