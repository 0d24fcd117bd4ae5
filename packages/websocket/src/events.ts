import type { StandardIssue, StandardSchema } from './standard-schema.js'

/** Events and what they carry. */
export type EventMap = object

/** One schema for each event that clients may send. */
export type Schemas<In extends EventMap> = {
  readonly [E in keyof In & string]: StandardSchema<unknown, In[E]>
}

/** What the package itself sends to clients, beside the events of the application. */
export interface RoomEvents {
  /** How many are in a room, some time after that has changed. With `presence`. */
  $presence: { room: string; count: number }
  /** Somebody has come into a room; `member` is what `member()` says of them. With `member`. */
  $joined: { room: string; member: unknown; count: number }
  /** Somebody has left. */
  $left: { room: string; member: unknown; count: number }
  /** A message of the client was not handled. */
  $error: { event: string | null; issues: Issue[] }
}

/** Why a message was not handled. */
export interface Issue {
  /** What is wrong, for whoever writes the client. */
  message: string
  /** Where in the payload. */
  path?: (string | number)[]
}

/** An event as it is on the wire: a JSON array of its name and its payload. */
export function encodeEvent(event: string, payload: unknown): string {
  // What JSON has no form for is not there: an event may come without a payload.
  const text = JSON.stringify(payload) as string | undefined
  return text === undefined ? `[${JSON.stringify(event)}]` : `[${JSON.stringify(event)},${text}]`
}

/** The other way round; `null` for what is no event. */
export function decodeEvent(data: string | Buffer): [event: string, payload: unknown] | null {
  if (typeof data !== 'string') return null
  try {
    const parsed: unknown = JSON.parse(data)
    if (!Array.isArray(parsed) || parsed.length < 1 || parsed.length > 2) return null
    const [event, payload] = parsed as unknown[]
    return typeof event === 'string' ? [event, payload] : null
  } catch {
    return null
  }
}

/** Issues of a schema, without what they have beyond the standard. */
export function plainIssues(issues: readonly StandardIssue[]): Issue[] {
  return issues.map(({ message, path }) => {
    if (path === undefined || path.length === 0) return { message: String(message) }
    const keys = path.map((part) => (typeof part === 'object' ? part.key : part))
    return {
      message: String(message),
      path: keys.map((key) => (typeof key === 'number' ? key : String(key))),
    }
  })
}
