import type { CompiledHandler } from '../plan.js'
import type { RequestRecord } from './record.js'

/** What becomes of the records. */
export interface LaneHandlers {
  readonly handlers: readonly CompiledHandler[]
  /** True when the answer comes later. Never throws. */
  request(record: RequestRecord): boolean
  /** Calls the method `fn` of `self`, which does not throw, as a request of its own is handled. */
  isolated<S, A>(fn: (this: S, argument: A) => void, self: S, argument: A): void
  injectedHead(id: number, status: number, head: Buffer): void
  injectedData(id: number, data: Buffer): void
  injectedEnd(id: number, failed: boolean): void
  closed(cutOff: number): void
  /** Something that the operator should know. */
  warning(subject: number, message: string): void
}

/** Bounds of a lane. */
export interface LaneSettings {
  /** Requests that may wait. */
  readonly queue: number
  /** Bytes of a streamed response that may be on their way. */
  readonly responseBuffer: number
  /** Bytes of a request body that may be on their way. */
  readonly requestBuffer: number
}
