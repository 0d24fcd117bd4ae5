import { DataCache, type DataCacheOptions, type ValueSchema } from '@armature/cache'
import { App, KeyValueStore, type StoreMoment } from '@armature/core'

// --- Options are those of the store and its own ---
new DataCache({ name: 'users', ttl: '1m', size: '16mb', redis: { url: 'redis://localhost' }, maxLoads: 10 })
// @ts-expect-error: no such option
new DataCache({ tll: '1m' })
// @ts-expect-error: no duration
export const wrong: DataCacheOptions = { ttl: true }

const cache = new DataCache()
interface User {
  name: string
}

// --- A value is what it is said to be, or what its schema says ---
export async function values(schema: ValueSchema<User>) {
  const nothing: unknown = await cache.get('a')
  const said: User | undefined = await cache.get<User>('a')
  const checked = await cache.get('a', { schema })
  const name: string | undefined = checked?.name
  // @ts-expect-error: it may not be there
  checked.name
  return [nothing, said, name]
}

// --- wrap() gives what its function returns ---
App.new().get('/users/:id', async (req) => {
  const user = await cache.wrap(`user:${req.param('id')}`, async () => ({ name: 'ada', age: 36 }), {
    ttl: '10s',
    staleWhileRevalidate: 1000,
    tags: (value) => [`age-${value.age}`],
  })
  const age: number = user.age
  // @ts-expect-error: it has none
  user.email
  const text: string = await cache.wrap('b', (key) => key.toUpperCase())
  // @ts-expect-error: the schema is for something else
  cache.wrap('c', () => 1, { schema: {} as ValueSchema<User> })
  return { age, text }
})

// --- The store has text and bytes ---
const store = new KeyValueStore({ memory: true })
export const content: string | Buffer | undefined = store.peek('a', { stale: true })
const since: StoreMoment = store.moment()
store.set('a', new Uint8Array(1), { since }).then((stored: boolean) => stored)
// @ts-expect-error: values of other kinds are for a serializer
store.set('a', { b: 1 })
