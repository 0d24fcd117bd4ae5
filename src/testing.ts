/**
 * For tests: a real server on a port of its own.
 *
 * @packageDocumentation
 */
import './node-version.js'
import type { DataOverrides } from './application.js'
import type { RunOptions } from './generated/config.js'
import { runApp } from './lifecycle.js'
import type { AnyScope } from './scope.js'
import type { Server } from './server.js'

/** Options of {@link testServer}. */
export interface TestServerOptions {
  /** Shared state that replaces what the application declares: `[[Database, new FakeDatabase()]]`. */
  data?: DataOverrides | undefined
  /** Options of the run; the address is always a free port of 127.0.0.1. */
  run?: Omit<RunOptions, 'listen'> | undefined
}

/** A server under test; see {@link testServer}. */
export interface TestServer extends AsyncDisposable {
  /** Where it listens: `http://127.0.0.1:41234`. */
  readonly url: string
  /** The server itself, for `stats()` and `data()`. */
  readonly server: Server
  /** `fetch` with a path of this server. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Stops it; requests in progress are cut off. */
  close(): Promise<void>
}

/**
 * Runs `app` on a free port of 127.0.0.1. It closes at the end of an `await using` block, and by itself after the tests
 * of the file in vitest and jest (with globals) and node:test; it never keeps the process alive and leaves signals alone.
 *
 * @example
 * await using t = await testServer(createApp(), { data: [[Database, new FakeDatabase()]] })
 * const res = await t.fetch('/users/1')
 */
export async function testServer(app: AnyScope, options: TestServerOptions = {}): Promise<TestServer> {
  const run: RunOptions = { ...options.run, listen: '127.0.0.1:0', signals: false }
  const server = await runApp(app, run, options.data ?? [], true)
  server.unref()
  const close = () => server.close({ timeout: 0 })
  closeAfterTests(close)
  return {
    url: server.url,
    server,
    fetch: (path, init) => fetch(new URL(path, server.url), init),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Registers `close` with the runner that is there; inside of a test, where runners refuse, the caller closes. */
function closeAfterTests(close: () => Promise<void>): void {
  try {
    const runner = globalThis as { afterAll?: (hook: () => Promise<void>) => void }
    if (typeof runner.afterAll === 'function') runner.afterAll(close)
    else if (process.env.NODE_TEST_CONTEXT !== undefined) {
      const { after } = require('node:test') as { after: (hook: () => Promise<void>) => void }
      after(close)
    }
  } catch {
    // Not in a place where hooks can be registered.
  }
}
