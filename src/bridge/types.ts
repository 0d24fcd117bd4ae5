import type { CompiledHandler } from '../plan.js'

/**
 * The seam between the public request and response classes and the bridge. `HttpRequest` reads a {@link RequestSource};
 * the bridge implements it over the record that Rust wrote, decoding only what is asked for.
 */
export interface RequestSource {
  readonly handler: CompiledHandler
  readonly method: string
  /** Path as sent, still escaped, without the query. */
  readonly path: string
  /** Raw query without `?`; `''` when there is none. */
  readonly search: string
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' | 'HTTP/3'
  readonly secure: boolean
  /** What our TLS is, in the form of Rust; `null` when the connection is not encrypted by us. */
  readonly tls: string | null
  /** Host (and port) by Host header, or by X-Forwarded-Host / Forwarded of a trusted peer. */
  readonly host: string
  readonly ip: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly id: string
  /** Decoded value of the n-th parameter of the pattern. */
  param(index: number): string
  /** `name` in lower case; repeated fields joined by `, ` (cookie by `; `). */
  header(name: string): string | undefined
  readonly headerCount: number
  /** Lower case. */
  headerName(index: number): string
  headerValue(index: number): string
  /** Whether the message has a body at all (it may still turn out to be empty). */
  readonly hasBody: boolean
  /** From Content-Length; `undefined` when chunked. */
  readonly contentLength: number | undefined
  /** Largest body this route accepts, in bytes. */
  readonly bodyLimit: number
  /** Bytes that may be on their way to a reader that has not asked for them yet (`limits.requestBuffer`). */
  readonly bodyWindow: number
  /**
   * The whole body when it arrived with the head and was not taken yet: text when it is ASCII, for then nothing is to be
   * decoded; else a Buffer that the caller owns.
   */
  takeBody(): Buffer | string | undefined
  /** Starts reading the rest of the body; once per request. */
  openBody(sink: BodySink): BodyControl
  /** Calls `listener` once when the client left or the deadline passed; at once if that already happened. */
  onAbort(listener: (reason: AbortReason) => void): void
}

export type AbortReason = 'client-gone' | 'deadline' | 'shutdown'

export interface BodySink {
  /** The receiver owns `chunk`. */
  chunk(chunk: Buffer): void
  end(): void
  /** `code` is an ArmatureErrorCode: ARMATURE_BODY_TOO_LARGE, ARMATURE_BODY_ABORTED, ARMATURE_BODY_MALFORMED, ARMATURE_BODY_TIMEOUT. */
  error(code: string): void
}

export interface BodyControl {
  /** Allows the bridge to deliver `bytes` more; nothing is delivered without credit. */
  grant(bytes: number): void
  /** The reader lost interest: the rest is discarded. */
  cancel(): void
}

/** Hears of a {@link ResponseSink}. */
export interface SinkListener {
  /** From now on `sink` takes what is written: the one before has nothing left to do, and need not be kept. */
  replaced(sink: ResponseSink): void
  /** `write` is welcome again. */
  drained(): void
  /** Once: nobody receives any more (client gone, server closing). */
  closed(): void
}

/** A response body that JavaScript produces piece by piece. */
export interface ResponseSink {
  /** `false` when the buffer is full: wait until it has {@link SinkListener.drained}. Strings are sent as UTF-8. */
  write(chunk: string | Uint8Array): boolean
  end(): void
  /** Resets the connection: the head has left and the rest cannot be produced. */
  fail(): void
  /** One listener; an object instead of functions, because a stream that waits should be small. */
  listen(listener: SinkListener): void
  readonly bufferedAmount: number
}

/** How the body of an `HttpResponse` is kept until it is committed. */
export const BodyKind = {
  Empty: 0,
  Text: 1,
  Json: 2,
  Bytes: 3,
  Stream: 4,
  /** The handler is native: Rust runs it on commit and merges the headers. */
  Native: 5,
  /** The connection becomes a WebSocket. */
  Socket: 6,
  /** Rust sends a file. */
  File: 7,
} as const
export type BodyKind = (typeof BodyKind)[keyof typeof BodyKind]
