import { DataCache } from '@armature/cache'
import { App, Cache, Compress, ETag, HttpError, HttpResponse, Logger, type Server } from '@armature/core'

interface Article {
  title: string
  author: string
}

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp() {
  const articles = new Map<string, Article>([
    ['1', { title: 'Bytes, not objects', author: 'ada' }],
    ['2', { title: 'Batches, not calls', author: 'ada' }],
    ['3', { title: 'Loops share nothing', author: 'bob' }],
  ])
  /** How often a handler has run. */
  let runs = 0
  let server: Server | undefined
  /** Where processes share what they store; without it each has its own. */
  const url = process.env.REDIS_URL
  const redis = url === undefined ? {} : { redis: { url } }
  /** What answers are made of: it takes its time, and several answers need it. */
  const counts = new DataCache({ ttl: '1m', staleWhileRevalidate: '10m', ...redis })
  let countings = 0
  const countByAuthor = () => {
    countings++
    const found: Record<string, number> = {}
    for (const { author } of articles.values()) found[author] = (found[author] ?? 0) + 1
    return found
  }

  return (
    App.new()
      .onStart((started) => {
        server = started
      })
      .wrap(Logger.default())
      // What is inside is stored with the answer: compressed variants, and tags by which they are validated.
      .wrap(Cache.new({ query: { only: ['author'] }, staleIfError: '1h', ...redis }))
      .wrap(Compress.default())
      .wrap(ETag.default())
      .get('/articles', (req) => {
        runs++
        const author = req.queryParam('author')
        const found = [...articles].filter(([, article]) => author === undefined || article.author === author)
        return HttpResponse.json(found.map(([id, article]) => ({ id, ...article })))
          .header('cache-control', 's-maxage=60, stale-while-revalidate=600')
          .header('cache-tag', 'articles')
      })
      .get('/articles/:id', (req) => {
        runs++
        const id = req.param('id')
        const article = articles.get(id)
        if (article === undefined) throw HttpError.notFound('no such article')
        return HttpResponse.json({ id, ...article }).header('cache-control', 's-maxage=3600')
      })
      .get('/authors/:author', async (req) => {
        const author = req.param('author')
        const all = await counts.wrap('counts', countByAuthor, { tags: ['articles'] })
        return { author, articles: all[author] ?? 0 }
      })
      .put('/articles/:id', async (req) => {
        articles.set(req.param('id'), await req.json<Article>())
        // The article itself goes because it was written to; what else shows it has a tag.
        server?.cache.purge({ tag: 'articles' })
        counts.invalidateTag('articles')
        return HttpResponse.noContent()
      })
      .get('/runs', () => ({ runs, countings, cache: server?.stats().cache }))
  )
}
