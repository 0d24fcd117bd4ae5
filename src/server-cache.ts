import { nameOf, typeError } from './errors.js'
import { purgeCache } from './native.js'

/** What {@link ServerCache.purge} takes out: by exactly one of these. */
export type PurgeTarget =
  | {
      /**
       * Answers for this URL, whatever else the requests said: `'/a?b=1'` of every scheme and host, or `'https://example.com/a'`.
       */
      url: string | URL
    }
  | {
      /** Answers for this path, with any query. */
      path: string
    }
  | {
      /** Answers with this tag, or with one of these. */
      tag: string | readonly string[]
    }
  | {
      /** Everything. */
      all: true
    }

/**
 * What the `Cache` layers of a server have stored, all of them together; `server.cache`.
 *
 * @example
 * app.put('/articles/:id', async (req) => {
 *   await save(req)
 *   server.cache.purge({ tag: `article-${req.param('id')}` })
 * })
 */
export class ServerCache {
  readonly #server: () => number

  /** @internal `server` returns the number of the server. */
  constructor(server: () => number) {
    this.#server = server
  }

  /**
   * Takes answers out, at once and for all threads. One that is on its way and was asked for before is not stored.
   *
   * @returns how many answers that were
   * @throws TypeError `ARMATURE_OPTION_INVALID` for what is no target, ArmatureError `ARMATURE_SERVER_CLOSED`
   */
  purge(target: PurgeTarget): number {
    const server = this.#server()
    return targets(target).reduce((sum, each) => sum + purgeCache(server, JSON.stringify(each)), 0)
  }
}

function targets(target: PurgeTarget): object[] {
  if (typeof target !== 'object' || target === null) {
    throw typeError('ARMATURE_OPTION_INVALID', {
      option: 'the target of purge()',
      value: nameOf(target),
      allowed: 'one of { url }, { path }, { tag } and { all: true }',
    })
  }
  if ('tag' in target && Array.isArray(target.tag)) {
    return target.tag.map((tag) => ({ ...target, tag: tag as unknown }))
  }
  if ('url' in target && target.url instanceof URL) return [{ ...target, url: target.url.href }]
  return [target]
}
