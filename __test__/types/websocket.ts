import {
  App,
  get,
  HttpResponse,
  middleware,
  type Params,
  type Socket,
  type WebSocketHandlers,
  ws,
} from '@armature/core'

interface User {
  name: string
}
const auth = middleware<{ user: User }>((_req, next) => next())

// --- Compression is on, off, or has options ---
App.new()
  .websocket('/a', { deflate: true })
  .websocket('/b', { deflate: { threshold: '4kb', level: 1 } })
// @ts-expect-error: no such option
App.new().websocket('/c', { deflate: { treshold: 1 } })

// --- The data of a socket is what upgrade returns, without what refuses ---
App.new()
  .wrap(auth)
  .websocket('/chat/:room', {
    upgrade: async (req) => {
      if (req.param('room') === '') return HttpResponse.notFound()
      return { user: req.locals.user }
    },
    open(socket) {
      const name: string = socket.data.user.name
      socket.send(name + socket.param('room'))
      // @ts-expect-error: the path has no such parameter
      socket.param('rom')
      // @ts-expect-error
      socket.data.status
    },
    message(socket, data, isBinary) {
      const text: string | Buffer = data
      const flag: boolean = isBinary
      socket.send(text)
      return flag
    },
    close(socket, code: number, reason: string) {
      socket.signal.aborted && code && reason
    },
  })
  .get('/after', (req) => req.locals.user.name)

// --- Without upgrade there is none ---
App.new().websocket('/', {
  open(socket) {
    const nothing: undefined = socket.data
    return nothing
  },
})

// --- parse types the messages ---
App.new().websocket('/', {
  parse: (data) => ({ id: Number(data) }),
  message(_socket, message) {
    const id: number = message.id
    // @ts-expect-error
    message.name
    return id
  },
})

// --- ws() is a route handler, and takes options before its handlers ---
App.new()
  .route(
    '/a/:b',
    ws({ open: (socket) => void socket.send(socket.param('b')) }).post(() => 'posted'),
  )
  .route(
    '/c',
    ws({ use: [auth] }, { upgrade: (req) => req.locals.user, open: (s) => void s.send(s.data.name) }),
  )
  .route(
    '/d',
    get(() => 'd'),
  )
  .websocket('/e/:f', { use: [auth] }, { upgrade: (req) => req.locals.user.name + req.param('f') })
// @ts-expect-error
App.new().websocket('/', { mesage() {} })
// @ts-expect-error
App.new().websocket('/', { slow: 'drop' })
// @ts-expect-error
App.new().get('/', { open() {} })

// --- Handlers elsewhere ---
const handlers: WebSocketHandlers<Params<'/rooms/:room'>, object> = {
  message: (socket, data) => socket.send(data),
}
App.new().websocket('/rooms/:room', handlers)
export function greet(socket: Socket<User>): void {
  socket.send(socket.data.name)
  // @ts-expect-error
  socket.send({ name: '' })
}
