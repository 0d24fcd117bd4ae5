/**
 * The only importer of the addon. Everything here is internal; the types say what the generated ones cannot: which
 * errors the calls throw, as the error classes of this package.
 */
// Types come by path, the same from src/ and dist/: not every compiler of a user resolves `imports` of package.json.
import { threadId } from 'node:worker_threads'
import type {
  NativeLane as Lane,
  NativeLog as Log,
  NativeServer as Server,
  NativeStore as Store,
  NativeStoreClient as StoreClient,
} from '../native/binding.cjs'
import { ArmatureError, isErrorCode, typeError } from './errors.js'
import type { Level } from './log/levels.js'
import { nativeMissing } from './native-missing.js'
import type { Compiled, Plan } from './plan.js'
import type { Seat } from './workers/messages.js'
import type { WorkerTimes } from './workers/times.js'
import type { WatchSettings } from './workers/watch.js'

type Addon = typeof import('#native')

let loaded: Addon | undefined

/** The addon, loaded when it is first needed: building an application must not need a binary. */
function addon(): Addon {
  if (loaded !== undefined) return loaded
  try {
    loaded = require('#native') as Addon
    return loaded
  } catch (cause) {
    throw nativeMissing(cause)
  }
}

/** Runs a native call; its errors become `TypeError`s and `ArmatureError`s with the code that Rust gave them. */
function call<T>(run: (native: Addon) => T): T {
  const native = addon()
  try {
    return run(native)
  } catch (error) {
    throw translate(error)
  }
}

const ARGUMENT_CODES = new Set([
  'ARMATURE_OPTION_INVALID',
  'ARMATURE_ROUTE_PATTERN',
  'ARMATURE_ROUTE_CONFLICT',
])

function translate(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  if (!isErrorCode(error.code)) return error
  return ARGUMENT_CODES.has(error.code)
    ? typeError(error.code, error.message)
    : new ArmatureError(error.code, error.message)
}

export type NativeLane = Lane
export type NativeServer = Server
export type NativeLog = Log
export type NativeStore = Store
export type NativeStoreClient = StoreClient

/** A queue for the requests of one server; `pump` is called when there is something to drain. */
export function createLane(limit: number, pump: () => void): NativeLane {
  return call((native) => new native.NativeLane(limit, pump))
}

/** Validates, binds and serves; without `listen` the loops run for injected requests only. */
export function startServer(
  plan: string,
  buffers: readonly Uint8Array[],
  listen: boolean,
  lane: NativeLane,
): NativeServer {
  const bodies = bodiesOf(buffers)
  return call((native) => native.NativeServer.start(plan, bodies, environment(), listen, threadId, lane))
}

function bodiesOf(buffers: readonly Uint8Array[]): Buffer[] {
  return buffers.map((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

/** Has `lane` serve server `id` in the seat of a worker. */
export function attachServer(
  id: number,
  { generation, index, restarts }: Pick<Seat, 'generation' | 'index' | 'restarts'>,
  lane: NativeLane,
): NativeServer {
  return call((native) => native.NativeServer.attach(id, generation, index, threadId, restarts, lane))
}

/** @throws ArmatureError `ARMATURE_SERVER_CLOSED` */
export function serverSettings(id: number): Settings {
  return JSON.parse(call((native) => native.serverSettings(id))) as Settings
}

/**
 * The plan that threads of `generation` have to have: `plan`, if this is the first one of a new generation.
 * @throws ArmatureError `ARMATURE_RELOAD_OPTIONS`, and what a start throws
 */
export function agreeOnPlan(
  id: number,
  generation: number,
  { plan, buffers }: Omit<Compiled, 'handlers'>,
): Plan {
  const agreed = call((native) =>
    native.agree(id, generation, JSON.stringify(plan), bodiesOf(buffers), environment()),
  )
  return JSON.parse(agreed) as Plan
}

/** Serves what threads of `generation` have agreed on; see {@link agreeOnPlan}. */
export function advanceServer(server: NativeServer, generation: number): void {
  call(() => server.advance(generation))
}

/** Certificates of a server, as JSON, for every listener with `tls` or for that at `address`. */
export function setServerTls(server: NativeServer, tls: string, address: string | null): void {
  call(() => server.setTls(tls, address))
}

/** What a thread that does not serve sees of a server: where it listens, and its numbers as JSON. */
export function observeServer(id: number): { addresses: string[]; stats: string } {
  return call((native) => ({ addresses: native.serverAddresses(id), stats: native.serverStats(id) }))
}

/**
 * Takes answers out of the caches of a server; returns how many.
 * @throws TypeError `ARMATURE_OPTION_INVALID`, ArmatureError `ARMATURE_SERVER_CLOSED`
 */
export function purgeCache(id: number, target: string): number {
  return call((native) => native.purgeCache(id, target))
}

/** What JavaScript needs of the resolved options; sizes in bytes, times in milliseconds. */
export interface Settings {
  readonly production: boolean
  readonly shutdown: number
  readonly preDrain: number
  readonly queue: number
  readonly responseBuffer: number
  readonly requestBuffer: number
  readonly signals: boolean
  /** Whether the first listener speaks TLS. */
  readonly secure: boolean
  readonly secrets: readonly string[]
  readonly asyncResource: boolean
  /** JavaScript threads, the main one counted. */
  readonly workers: number
  readonly workerTimes: WorkerTimes
  /** What is watched for new code; `null` for nothing. */
  readonly watch: WatchSettings | null
  /** The module that workers run; `null` for that of the process. */
  readonly entry: string | null
  readonly name: string | null
  readonly log: LogSettings
}

/** How `app.log` and `req.log` write. */
export interface LogSettings {
  readonly level: Level | 'silent'
  readonly format: 'json' | 'dev'
  /** Whether people see it in a terminal that has colours. */
  readonly colors: boolean
}

/**
 * Resolves the options of App and run(), with what the environment says.
 * @throws TypeError that names the option, the value and what is allowed
 */
export function resolveOptions(config: string): Settings {
  return JSON.parse(call((native) => native.resolveOptions(config, environment()))) as Settings
}

/** Checks the options of a native layer. */
export function validateLayer(type: string, options: string): void {
  call((native) => native.validateLayer(type, options))
}

/** Checks the options of a health check; returns interval and timeout in milliseconds. */
export function validateHealthCheck(options: string): [interval: number, timeout: number] {
  return call((native) => native.validateHealthCheck(options)) as [number, number]
}

/** The constant part of generated request ids. */
export function requestIdPrefix(): string {
  return call((native) => native.requestIdPrefix())
}

/** For tests: how many loops, environment hooks and ends of loops live in this process. All are 0 when nothing runs. */
export function census(): [loops: number, hooks: number, ends: number] {
  return call((native) => native.census()) as [number, number, number]
}

/** The output of the log of an application with these options, as JSON. */
export function openLog(config: string): NativeLog {
  return call((native) => native.NativeLog.open(config, environment()))
}

/** Waits until the log lines written so far are out. */
export function flushLogs(patience: number): void {
  loaded?.flushLogs(patience)
}

/** Waits until what was purged so far outlives the process. */
export function flushPurges(patience: number): void {
  loaded?.flushPurges(patience)
}

/** Sends an injected request; its answer comes through the lane. */
export function injectRequest(server: NativeServer, id: number, request: string, body: Buffer | null): void {
  call(() => server.inject(id, request, body))
}

/** Nobody waits for the answer to an injected request any more. */
export function cancelInjection(server: NativeServer, id: number): void {
  call(() => server.cancelInjection(id))
}

/** `bytes` of the answer to an injected request were read. */
export function grantInjection(server: NativeServer, id: number, bytes: number): void {
  call(() => server.grantInjection(id, bytes))
}

/**
 * Opens a store; `options` is JSON.
 * @throws TypeError `ARMATURE_OPTION_INVALID`, ArmatureError `ARMATURE_IO`
 */
export function openStore(options: string): NativeStore {
  return call((native) => native.NativeStore.open(options))
}

/** What this thread waits for of its stores; `pump` is called when there is something to take. */
export function openStoreClient(pump: () => void): NativeStoreClient {
  return call((native) => new native.NativeStoreClient(pump))
}

/**
 * Runs calls of a store.
 * @throws TypeError `ARMATURE_OPTION_INVALID`, ArmatureError `ARMATURE_VALUE_TOO_LARGE`
 */
export function callStore<T>(run: () => T): T {
  return call(run)
}

/** The variables that count as options. */
function environment(): string {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    const counts = name.startsWith('ARMATURE_') || name === 'PORT' || name === 'NODE_ENV'
    if (counts && value !== undefined) found[name] = value
  }
  return JSON.stringify(found)
}
