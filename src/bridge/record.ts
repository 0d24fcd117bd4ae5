import type { Trace } from '../diagnostics.js'
import type { CompiledHandler } from '../plan.js'
import { readLatin1 } from './buffers.js'
import { RecordHead } from './head.js'
import type { AbortReason, BodyControl, BodySink, RequestSource } from './types.js'

/** Records by kind; `crates/armature-bridge/src/record.rs` defines the layout of each. */
export const RecordKind = {
  Request: 1,
  BodyData: 2,
  BodyEnd: 3,
  BodyError: 4,
  Abort: 5,
  Credit: 6,
  InjectedHead: 7,
  InjectedData: 8,
  InjectedEnd: 9,
  Closed: 10,
  Warning: 11,
  SocketOpen: 12,
  SocketMessage: 13,
  SocketClosed: 14,
  SocketClosing: 15,
  SocketReopen: 16,
  SocketLeave: 17,
  SocketLeft: 18,
} as const

const REASONS: Record<number, AbortReason> = { 1: 'client-gone', 2: 'deadline', 3: 'shutdown' }
const FAULTS: Record<number, string> = {
  1: 'ARMATURE_BODY_TOO_LARGE',
  2: 'ARMATURE_BODY_ABORTED',
  3: 'ARMATURE_BODY_MALFORMED',
  4: 'ARMATURE_BODY_TIMEOUT',
}

/** What a record needs of the lane it came through. */
export interface RecordOwner {
  readonly idPrefix: string
  readonly bodyWindow: number
  grantBody(record: RequestRecord, bytes: number): void
  cancelBody(record: RequestRecord): void
  forget(record: RequestRecord): void
}

/** A request in the form Rust wrote it, and what is still to come of it: its body, and the news that nobody waits. */
export class RequestRecord extends RecordHead implements RequestSource {
  readonly slot: number
  readonly generation: number
  readonly handler: CompiledHandler
  /** When somebody sees the beginning and the end of requests. */
  trace: Trace | null = null
  readonly #owner: RecordOwner
  #inline: Buffer | string | null = null
  #sink: BodySink | null = null
  #aborted: AbortReason | null = null
  #listeners: ((reason: AbortReason) => void)[] | null = null
  #over = false

  constructor(
    owner: RecordOwner,
    handler: CompiledHandler,
    slot: number,
    generation: number,
    batch: Buffer,
    start: number,
    end: number,
    bodyLength: number,
    isText: boolean,
  ) {
    const bodyAt = end - ((bodyLength + 3) & ~3)
    super(readLatin1(batch, start, bodyAt))
    this.#owner = owner
    this.handler = handler
    this.slot = slot
    this.generation = generation
    if (bodyLength > 0)
      this.#inline = isText
        ? readLatin1(batch, bodyAt, bodyAt + bodyLength)
        : Buffer.from(batch.subarray(bodyAt, bodyAt + bodyLength))
  }

  get id(): string {
    const { sequence, given } = this.idParts
    return given !== '' ? given : `${this.#owner.idPrefix}-${sequence.toString(16)}`
  }

  get bodyWindow(): number {
    return this.#owner.bodyWindow
  }

  takeBody(): Buffer | string | undefined {
    const body = this.#inline
    this.#inline = null
    // A body of no bytes has nothing to send after the head either.
    return body ?? (this.isInline ? Buffer.alloc(0) : undefined)
  }

  openBody(sink: BodySink): BodyControl {
    this.#sink = sink
    if (this.#over || this.#aborted !== null) this.#failBody('ARMATURE_BODY_ABORTED')
    return {
      grant: (bytes) => {
        if (this.#sink !== null) this.#owner.grantBody(this, bytes)
      },
      cancel: () => {
        if (this.#sink === null) return
        this.#sink = null
        this.#owner.cancelBody(this)
      },
    }
  }

  onAbort(listener: (reason: AbortReason) => void): void {
    if (this.#aborted !== null) listener(this.#aborted)
    else if (!this.#over) {
      this.#listeners ??= []
      this.#listeners.push(listener)
    }
  }

  /** Whether nobody waits for the answer: its slot may belong to another request by now. */
  get isAborted(): boolean {
    return this.#aborted !== null
  }

  /** The answer is complete. A body that somebody still reads ends with an error instead of waiting for ever. */
  finish(): void {
    this.#over = true
    this.#listeners = null
    this.#failBody('ARMATURE_BODY_ABORTED')
    this.trace?.finish(undefined)
  }

  /** Nobody waits for the answer. */
  abort(reason: number): void {
    this.#aborted = REASONS[reason] ?? 'client-gone'
    const listeners = this.#listeners ?? []
    this.#listeners = null
    for (const listener of listeners) listener(this.#aborted)
    this.#failBody('ARMATURE_BODY_ABORTED')
    this.trace?.finish(this.#aborted)
  }

  bodyData(chunk: Buffer): void {
    this.#sink?.chunk(chunk)
  }

  bodyEnd(): void {
    const sink = this.#sink
    this.#sink = null
    sink?.end()
  }

  bodyFault(fault: number): void {
    this.#failBody(FAULTS[fault] ?? 'ARMATURE_BODY_ABORTED')
  }

  #failBody(code: string): void {
    const sink = this.#sink
    this.#sink = null
    sink?.error(code)
  }
}
