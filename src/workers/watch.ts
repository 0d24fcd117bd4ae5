import { existsSync, type FSWatcher, readdirSync, statSync, watch as watchFile } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { typeError } from '../errors.js'
import { report } from '../signals.js'
import { entryPath } from './entry.js'

/** What is watched; times in milliseconds, ends of names without their dot. */
export interface WatchSettings {
  readonly paths: readonly string[]
  readonly extensions: readonly string[]
  readonly delay: number
}

/** Folders that are watched at most: each needs a place in a table of the system. */
const MOST = 10_000

// Taken at load, so that fake timers of a test runner do not stop it.
const { setTimeout, clearTimeout } = globalThis

/**
 * Calls `reload` when files change, once they have been quiet for a while, and never twice at a time: what changes while it runs
 * is loaded after it.
 *
 * Folders are watched one by one, not as a tree: that works the same everywhere, and leaves `node_modules` alone.
 */
export class SourceWatch {
  readonly #settings: WatchSettings
  readonly #reload: (changed: string) => Promise<void>
  readonly #watchers = new Map<string, FSWatcher>()
  /** Files that were named, by their folder. */
  readonly #files = new Map<string, Set<string>>()
  #timer: NodeJS.Timeout | undefined
  #changed: string | null = null
  #isReloading = false
  #isClosed = false

  /**
   * `entry` is the option of the workers: what runs is watched unless paths are named.
   * @throws TypeError `ARMATURE_OPTION_INVALID` for a path that does not exist
   */
  constructor(settings: WatchSettings, entry: string | null, reload: (changed: string) => Promise<void>) {
    this.#settings = settings
    this.#reload = reload
    const { paths } = settings
    for (const path of paths.length > 0 ? paths.map((one) => resolve(one)) : [home(entryPath(entry))]) {
      if (isFolder(path)) this.#enter(path)
      else if (existsSync(path)) this.#addFile(path)
      else {
        const allowed = 'a file or folder that exists'
        throw typeError('ARMATURE_OPTION_INVALID', { option: 'watch.paths', value: `'${path}'`, allowed })
      }
    }
  }

  /** Has a server reload, and says how that went, unless the server closes. */
  static reloading(
    settings: WatchSettings,
    entry: string | null,
    reload: () => Promise<unknown>,
    closes: () => boolean,
  ): SourceWatch {
    return new SourceWatch(settings, entry, async (changed) => {
      try {
        await reload()
        process.stderr.write(`[armature] reloaded after a change of ${changed}\n`)
      } catch (error) {
        if (!closes()) report(`reloading after a change of ${changed}`, error)
      }
    })
  }

  /** Ends it; a reload that has begun goes on. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #addFile(path: string): void {
    const folder = dirname(path)
    const names = this.#files.get(folder) ?? new Set()
    this.#files.set(folder, names.add(basename(path)))
    this.#watch(folder, (name) => {
      if (name === null || names.has(name)) this.#note(path)
    })
  }

  /** Watches `folder` and all below it. True when there is a file in it that counts. */
  #enter(folder: string): boolean {
    const isNew = this.#watch(folder, (name) => this.#happened(folder, name))
    if (!isNew) return false
    let counts = false
    for (const entry of entriesOf(folder)) {
      if (isIgnored(entry.name)) continue
      if (entry.isDirectory()) counts = this.#enter(join(folder, entry.name)) || counts
      else counts ||= this.#counts(entry.name)
    }
    return counts
  }

  /** False when it is watched already, or cannot be. */
  #watch(folder: string, happened: (name: string | null) => void): boolean {
    if (this.#watchers.has(folder)) return false
    if (this.#watchers.size === MOST) {
      const message = `watch: only the first ${MOST} folders are watched; name those that matter in watch.paths`
      process.emitWarning(message, { type: 'ArmatureWarning', code: 'ARMATURE_WATCH_FOLDERS' })
    }
    if (this.#watchers.size >= MOST) return false
    try {
      const watcher = watchFile(folder, { persistent: false }, (_, name) => happened(name))
      // It was removed, which its parent tells of too.
      watcher.on('error', () => this.#leave(folder))
      this.#watchers.set(folder, watcher)
      return true
    } catch {
      // Gone again, or not ours to read.
      return false
    }
  }

  #leave(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
  }

  #happened(folder: string, name: string | null): void {
    if (name === null) {
      this.#note(folder)
      return
    }
    if (isIgnored(name)) return
    const path = join(folder, name)
    if (this.#watchers.has(path) && !existsSync(path)) {
      for (const one of [...this.#watchers.keys()]) {
        if (one === path || one.startsWith(path + sep)) this.#leave(one)
      }
      this.#note(path)
    } else if (isFolder(path)) {
      if (this.#enter(path)) this.#note(path)
    } else if (this.#counts(name)) {
      this.#note(path)
    }
  }

  #counts(name: string): boolean {
    return this.#settings.extensions.includes(extname(name).slice(1))
  }

  #note(path: string): void {
    if (this.#isClosed) return
    this.#changed ??= path
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#run(), this.#settings.delay)
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    if (this.#isReloading) return
    this.#isReloading = true
    while (this.#changed !== null && !this.#isClosed) {
      const changed = relative('', this.#changed)
      this.#changed = null
      await this.#reload(changed)
    }
    this.#isReloading = false
  }
}

/** The folder of the nearest package.json, else that of the module. */
function home(module: string): string {
  const own = dirname(module)
  for (let folder = own; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (dirname(folder) === folder) return own
  }
}

function isIgnored(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules'
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
