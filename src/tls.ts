import { X509Certificate } from 'node:crypto'

/** What there is to know of an encrypted connection; {@link HttpRequest.tls}. */
export interface RequestTls {
  /** The version of TLS. */
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  /** The cipher suite, by its name in the registry of IANA: `'TLS_AES_128_GCM_SHA256'`. */
  readonly cipher: string
  /** The name that the client asked for (SNI), in lower case. */
  readonly serverName: string | undefined
  /** The protocol that both sides agreed on (ALPN): `'http/1.1'`. */
  readonly alpn: string | undefined
  /** The client's certificate, which a root of `ca` has been found for; decoded when it is first read. */
  readonly peerCertificate: X509Certificate | undefined
}

/** @internal Reads what `TlsInfo::flat` has written: texts that end with a zero, then the certificate as Latin-1. */
export function readTls(flat: string): RequestTls {
  const parts: string[] = []
  let at = 0
  while (parts.length < 5) {
    const end = flat.indexOf('\0', at)
    parts.push(flat.slice(at, end))
    at = end + 1
  }
  const [version, cipher, serverName, alpn, length] = parts as [string, string, string, string, string]
  const certificate = flat.slice(at, at + Number(length))
  let decoded: X509Certificate | undefined
  return Object.freeze<RequestTls>({
    version: version as RequestTls['version'],
    cipher,
    serverName: serverName === '' ? undefined : serverName,
    alpn: alpn === '' ? undefined : alpn,
    get peerCertificate() {
      if (certificate !== '') decoded ??= new X509Certificate(Buffer.from(certificate, 'latin1'))
      return decoded
    },
  })
}
