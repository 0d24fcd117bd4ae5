// A headless Chromium that opens a page, until the test is over.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { needsTool } from './helper.js'

/** Has the browser open `url`. The page has to tell what it finds: nobody looks at it. */
export function browseTo(context: TestContext, url: string): void {
  needsTool(context, 'chromium', '--version')
  const profile = mkdtempSync(join(tmpdir(), 'armature-chromium-'))
  const quiet = ['--no-first-run', '--disable-gpu', '--disable-extensions', '--disable-background-networking']
  const trusting = ['--ignore-certificate-errors', '--no-sandbox', '--disable-dev-shm-usage']
  const args = ['--headless', ...trusting, ...quiet, `--user-data-dir=${profile}`, url]
  // A group of its own: its processes end with it.
  const browser = spawn('chromium', args, { stdio: 'ignore', detached: true })
  context.onTestFinished(async () => {
    const { pid, exitCode } = browser
    if (pid !== undefined && exitCode === null) {
      const gone = once(browser, 'exit')
      process.kill(-pid, 'SIGKILL')
      await gone
    }
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  })
}
