import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate for `localhost` in `folder`, signed by itself; it is made if it is not there. */
export function selfSigned(folder: string) {
  const pair = { cert: join(folder, 'localhost.pem'), key: join(folder, 'localhost.key') }
  if (!existsSync(pair.cert) || !existsSync(pair.key)) {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-days', '30', '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
        ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-keyout', pair.key, '-out', pair.cert],
      ],
      { stdio: 'pipe' },
    )
  }
  return pair
}
