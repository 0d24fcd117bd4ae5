// What has to get out before the process is gone.
import { flushLogs, flushPurges } from './native.js'

/** How long the last log lines may take. */
const LOG_PATIENCE = 100
/** How long purges may take to get to the disk. */
const PURGE_PATIENCE = 500

/** Waits for it, when the process ends. */
export function flush(): void {
  flushPurges(PURGE_PATIENCE)
  flushLogs(LOG_PATIENCE)
}
