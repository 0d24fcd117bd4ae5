import { App, type HttpRequest, type Key, key, type Server, scope } from '@armature/core'

interface Mailer {
  send(to: string): Promise<void>
}
class Database {
  users: string[] = []
}
abstract class Cache {
  abstract get(name: string): string
}
class MemoryCache extends Cache {
  get(name: string) {
    return name
  }
}
declare const smtp: Mailer
declare const server: Server
const Mail = key<Mailer>('mail')
const Port = key<number>('port')

// --- .data(instance), .data(Class, value), .data(key, value) ---
App.new()
  .data(new Database())
  .data(Database, new Database())
  .data(Mail, smtp)
  .data(Port, 80)
  .data(Cache, new MemoryCache())
scope('/x')
  .data(new Database())
  .get('/', (req) => req.data(Database).users)
App.new().data(Database, { users: ['a fake'] })
// @ts-expect-error
App.new().data(Mail, new Database())
// @ts-expect-error
App.new().data(Database, smtp)
// @ts-expect-error
App.new().data(Port, '80')
// @ts-expect-error
App.new().data(80)
// @ts-expect-error: a name alone is no key
App.new().data({ name: 'mail' }, smtp)

// --- req.data(key) is typed ---
export function handler(req: HttpRequest) {
  const users: string[] = req.data(Database).users
  const sent: Promise<void> = req.data(Mail).send('a')
  const port: number = req.data(Port)
  const cached: string = req.data(Cache).get('x')
  // @ts-expect-error
  req.data(Mail).users
  // @ts-expect-error
  req.data('mail')
  return [users, sent, port, cached]
}

// --- server.data(key) is typed ---
export const users: string[] = server.data(Database).users
export const mailer: Mailer = server.data(Mail)
// @ts-expect-error
server.data(Port).users

// --- A key is tied to its type ---
// @ts-expect-error
export const other: Key<string | number> = Port
