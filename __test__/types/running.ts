import { App, type RunOptions, type WatchOptions, type WorkerOptions } from '@armature/core'

// --- Reloading when files change, and how many threads ---
export const watching: RunOptions[] = [{ watch: true }, { watch: { paths: ['src', 'config'] } }]
export const watch: WatchOptions = { paths: ['src'] as const }
export const workers: RunOptions[] = [
  { workers: 4 },
  { workers: 'auto', watch: true },
  { workers: { count: 'auto', entry: './app.js', startTimeout: '10s' } },
]
export const options: WorkerOptions = { count: 2, restartDelay: 50 }

// @ts-expect-error: a path is not a list of paths
void App.new().run({ watch: 'src' })
// @ts-expect-error
void App.new().run({ watch: { paths: 'src' } })
// @ts-expect-error
void App.new().run({ watch: { path: ['src'] } })
// @ts-expect-error
void App.new().run({ workers: 'many' })
// @ts-expect-error: only run() has workers
App.new({ workers: 2 })
// @ts-expect-error: nor can it watch
App.new({ watch: true })
