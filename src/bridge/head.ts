/**
 * The head of a request record, decoded once to one string that holds numbers and text alike: it is exact in size,
 * immutable, and leaves the batch's buffer free for the next batch. `crates/armature-bridge/src/record.rs` defines the
 * layout.
 */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']
const METHOD_OTHER = 255
const PROTOCOLS = ['HTTP/1.0', 'HTTP/1.1', 'HTTP/2', 'HTTP/3'] as const
const FLAG_BODY = 1
const FLAG_INLINE = 2
const FLAG_SECURE = 4
const FLAG_LENGTH = 8
const FLAG_TLS = 16

// Words of a request record.
const W_METHOD = 6
const W_ID = 7
const W_LENGTH = 9
const W_LIMIT = 11
const W_TARGET = 13
const W_PATH = 14
const W_COUNTS = 15
const W_PARAMS_AT = 16
const W_PORT = 18
const W_EXTRAS = 19
const EXTRAS = 5
const HEAD_WORDS = 24

export class RecordHead {
  readonly #head: string

  constructor(head: string) {
    this.#head = head
  }

  get method(): string {
    const number = this.#word(W_METHOD) & 0xff
    return number === METHOD_OTHER ? this.#extra(4) : (METHODS[number] as string)
  }

  get path(): string {
    const at = this.#textAt()
    return this.#head.slice(at, at + this.#word(W_PATH))
  }

  get search(): string {
    const at = this.#textAt()
    return this.#head.slice(at + this.#word(W_PATH) + 1, at + this.#word(W_TARGET))
  }

  get protocol(): 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' | 'HTTP/3' {
    return PROTOCOLS[(this.#word(W_METHOD) >>> 8) & 0xff] ?? 'HTTP/1.1'
  }

  get secure(): boolean {
    return (this.#flags() & FLAG_SECURE) !== 0
  }

  get tls(): string | null {
    return (this.#flags() & FLAG_TLS) === 0 ? null : this.#head.slice(this.#extraAt(EXTRAS))
  }

  get host(): string {
    const forwarded = utf8(this.#extra(2))
    return forwarded !== '' ? forwarded : (this.header('host') ?? '')
  }

  get ip(): string {
    return this.#extra(0)
  }

  get remoteAddress(): string {
    const remote = this.#extra(1)
    return remote !== '' ? remote : this.#extra(0)
  }

  get remotePort(): number {
    return this.#word(W_PORT)
  }

  param(index: number): string {
    let at = this.#paramsAt()
    for (let i = 0; i < index; i++) at += this.#word(HEAD_WORDS + i)
    return utf8(this.#head.slice(at, at + this.#word(HEAD_WORDS + index)))
  }

  header(name: string): string | undefined {
    const head = this.#head
    const count = this.#fieldCount()
    let word = this.#fieldsAt()
    let at = this.#textAt() + this.#word(W_TARGET)
    let found: string | undefined
    for (let i = 0; i < count; i++, word += 2) {
      const nameLength = this.#word(word)
      const valueAt = at + nameLength
      const end = valueAt + this.#word(word + 1)
      if (nameLength === name.length && head.startsWith(name, at)) {
        const value = head.slice(valueAt, end)
        found = found === undefined ? value : `${found}${name === 'cookie' ? '; ' : ', '}${value}`
      }
      at = end
    }
    return found
  }

  get headerCount(): number {
    return this.#fieldCount()
  }

  headerName(index: number): string {
    const at = this.#fieldAt(index)
    return this.#head.slice(at, at + this.#word(this.#fieldsAt() + index * 2))
  }

  headerValue(index: number): string {
    const word = this.#fieldsAt() + index * 2
    const at = this.#fieldAt(index) + this.#word(word)
    return this.#head.slice(at, at + this.#word(word + 1))
  }

  get hasBody(): boolean {
    return (this.#flags() & FLAG_BODY) !== 0
  }

  get contentLength(): number | undefined {
    return (this.#flags() & FLAG_LENGTH) !== 0 ? this.#long(W_LENGTH) : undefined
  }

  get bodyLimit(): number {
    return this.#long(W_LIMIT)
  }

  /** Whether the whole body came with the head. */
  protected get isInline(): boolean {
    return (this.#flags() & FLAG_INLINE) !== 0
  }

  /** The part of the id that counts, and the id that a trusted peer gave, if any. */
  protected get idParts(): { sequence: number; given: string } {
    return { sequence: this.#long(W_ID), given: this.#extra(3) }
  }

  #word(index: number): number {
    const head = this.#head
    const at = index * 4
    return (
      (head.charCodeAt(at) |
        (head.charCodeAt(at + 1) << 8) |
        (head.charCodeAt(at + 2) << 16) |
        (head.charCodeAt(at + 3) << 24)) >>>
      0
    )
  }

  #long(index: number): number {
    return this.#word(index + 1) * 0x1_0000_0000 + this.#word(index)
  }

  #flags(): number {
    return this.#word(W_METHOD) >>> 16
  }

  #fieldCount(): number {
    return this.#word(W_COUNTS) & 0xffff
  }

  #paramCount(): number {
    return this.#word(W_COUNTS) >>> 16
  }

  #fieldsAt(): number {
    return HEAD_WORDS + this.#paramCount()
  }

  #textAt(): number {
    return (this.#fieldsAt() + this.#fieldCount() * 2) * 4
  }

  #paramsAt(): number {
    return this.#word(W_PARAMS_AT)
  }

  #fieldAt(index: number): number {
    let at = this.#textAt() + this.#word(W_TARGET)
    const words = this.#fieldsAt()
    for (let i = 0; i < index * 2; i++) at += this.#word(words + i)
    return at
  }

  /** ip, remote ip, host, given id, method name. */
  #extra(index: number): string {
    const at = this.#extraAt(index)
    return this.#head.slice(at, at + this.#word(W_EXTRAS + index))
  }

  #extraAt(index: number): number {
    let at = this.#paramsAt()
    const params = this.#paramCount()
    for (let i = 0; i < params; i++) at += this.#word(HEAD_WORDS + i)
    for (let i = 0; i < index; i++) at += this.#word(W_EXTRAS + i)
    return at
  }
}

/** Text that crossed as UTF-8 and was read as Latin-1; nearly all of it is ASCII and the same either way. */
function utf8(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, 'latin1').toString('utf8')
  }
  return text
}
