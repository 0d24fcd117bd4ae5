// biome-ignore-all lint/correctness/noUnusedFunctionParameters: these are the examples of the documentation, to the letter
// The programs that the documentation begins with, to the letter.
import {
  App,
  Cors,
  get,
  type HttpRequest,
  HttpResponse,
  key,
  Logger,
  middleware,
  post,
  Router,
  scope,
} from '@armature/core'

interface User {
  name: string
}
class Database {
  #users = new Map<string, User>()
  find(id: string): User | undefined {
    return this.#users.get(id)
  }
}
declare function verify(token: string | undefined): Promise<User>
declare function listUsers(req: HttpRequest): Promise<HttpResponse>
declare function createUser(req: HttpRequest): HttpResponse

export async function first() {
  const router = new Router()
  router.get('/users/:id', async (req: HttpRequest): Promise<HttpResponse> => {
    const id = req.param('id')
    return HttpResponse.json({ id, name: 'Alice' })
  })
  const server = await router.listen(3000)
  return server.port
}

export async function second() {
  const auth = middleware<{ user: User }>(async (req, next) => {
    req.locals.user = await verify(req.header('authorization'))
    return next()
  })
  const app = App.new()
    .wrap(Logger.default())
    .wrap(Cors.permissive())
    .wrap(async (req, next) => {
      const res = await next()
      return res.header('x-took', '1')
    })
    .data(new Database())
    .route(
      '/',
      get(() => HttpResponse.ok('hello')),
    )
    .service(
      scope('/api/v1')
        .wrap(auth)
        .route('/users', get(listUsers).post(createUser))
        .get('/users/:id', (req) => ({ id: req.param('id'), by: req.locals.user.name })),
    )
    .default((req) => HttpResponse.notFound('no such page'))
    .onError((error, req) => undefined)
  const server = await app.run('0.0.0.0:8080')
  return server
}

export const pieces = [key, post]
