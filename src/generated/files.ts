// Generated from the option structs of crates/armature-core. Do not edit; after a change there run
// UPDATE_TYPES=1 cargo test -p armature-core exports_typescript_types
import type { Duration } from './config.js'

/** Options of static files. */
export interface FilesOptions {
  /** Files that answer for their folder, the first that is there. Default `['index.html']`; `[]` for none. */
  index?: readonly string[] | undefined
  /**
   * File that answers where there is none, for requests that accept `text/html`: the page of an application that has its own
   * routes. Default: none.
   */
  fallback?: string | undefined
  /** Whether a folder without index is answered with a list of its files. Default `false`. */
  listing?: boolean | undefined
  /** Names that such a list has at most. From 1 to 100000, by default 1000. */
  listingEntries?: number | undefined
  /** Names that begin with a dot: not found, refused with 403, or like all others. Default `'ignore'`. */
  dotfiles?: Dotfiles | undefined
  /** Symbolic links that are followed: those that stay in the folder, all, or none. Default `'inside'`. */
  symlinks?: Symlinks | undefined
  /**
   * Whether `app.js.br`, `app.js.zst` or `app.js.gz` are sent in the place of `app.js` to those who accept that coding. Default
   * `false`.
   */
  precompressed?: boolean | undefined
  /**
   * `Cache-Control` of the files. Default `'no-cache'`: kept by clients, and asked for each time, which costs no content while it
   * is the same. `''` for none.
   */
  cacheControl?: string | undefined
  /**
   * Content types by the extension of a file, without its dot: `{ wasm: 'application/wasm' }`. Default: those that are registered
   * or widely used.
   */
  types?: Readonly<Record<string, string>> | undefined
  /** Ranges that one request may ask for; one that asks for more gets the whole file. From 1 to 1000, by default 16. */
  ranges?: number | undefined
  /** For how long a small file is sent again without a look at the disk, up to 1 hour. Default 1s; 0 to look each time. */
  fresh?: Duration | undefined
}

/** What becomes of names that begin with a dot. */
export type Dotfiles = 'ignore' | 'deny' | 'allow'

/** Which symbolic links are followed. */
export type Symlinks = 'inside' | 'follow' | 'refuse'
