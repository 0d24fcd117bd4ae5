import { App, key } from '@armature/core'
import { expect, test } from 'vitest'

const Counter = key<{ count: number }>('counter')
const options = { listen: '127.0.0.1:0', signals: false }

function createApp() {
  const log: string[] = []
  const app = App.new()
    .data(Counter, { count: 0 })
    .onStart((server) => {
      server.data(Counter).count = 10
      log.push('start')
    })
    .onStop(() => {
      log.push('stop')
    })
    .get('/', (req) => String(++req.data(Counter).count))
  return { app, log }
}

const get = async (url: string) => (await fetch(url)).text()
const inject = async (app: App) => (await app.inject('/')).text()

test('inject after run() uses the server that runs', async () => {
  const { app, log } = createApp()
  await using server = await app.run(options)
  expect([await get(server.url), await inject(app), await get(server.url)]).toEqual(['11', '12', '13'])
  expect(server.stats().requests).toBe(3)
  expect(log).toEqual(['start'])
})

test('run() after inject runs onStart no second time', async () => {
  const log: string[] = []
  let seen: unknown
  const app = App.new()
    .onStart((server) => {
      seen = server
      log.push('start')
    })
    .onStop(() => {
      log.push('stop')
    })
    .get('/', () => 'ok')
  expect(await inject(app as App)).toBe('ok')
  const server = await app.run(options)
  // What a hook remembered is the server that runs now.
  expect(seen).toBe(server)
  expect(await get(server.url)).toBe('ok')
  expect(await inject(app as App)).toBe('ok')
  expect(server.stats().requests).toBe(2)
  await server.close()
  expect(log).toEqual(['start', 'stop'])
})

test('run() and inject at the same time start once', async () => {
  const { app, log } = createApp()
  const [server, ...texts] = await Promise.all([app.run(options), inject(app), inject(app)])
  expect([log, texts.sort()]).toEqual([['start'], ['11', '12']])
  await server.close()
  expect(log).toEqual(['start', 'stop'])
})

test('after close() inject says so, and run() begins anew', async () => {
  const { app, log } = createApp()
  await (await app.run(options)).close()
  await expect(app.inject('/')).rejects.toMatchObject({
    code: 'ARMATURE_SERVER_CLOSED',
    message: expect.stringContaining('run() it again'),
  })
  await using server = await app.run(options)
  expect([await get(server.url), await inject(app)]).toEqual(['11', '12'])
  expect(log).toEqual(['start', 'stop', 'start'])
})

test('two servers of one application share its start, and the last one stops it', async () => {
  const { app, log } = createApp()
  const one = await app.run(options)
  const two = await app.run(options)
  expect([await get(one.url), await get(two.url)]).toEqual(['11', '12'])
  await one.close()
  expect(await inject(app)).toBe('13')
  expect(log).toEqual(['start'])
  await two.close()
  expect(log).toEqual(['start', 'stop'])
})

test('an address in use undoes the start, unless injected requests need it', async () => {
  const blocker = await App.new().run(options)
  const taken = { ...options, listen: blocker.address }
  const { app, log } = createApp()
  await expect(app.run(taken)).rejects.toMatchObject({ code: 'ARMATURE_LISTEN' })
  expect(log).toEqual(['start', 'stop'])
  expect(await inject(app)).toBe('11')
  await expect(app.run(taken)).rejects.toMatchObject({ code: 'ARMATURE_LISTEN' })
  expect(await inject(app)).toBe('12')
  expect(log).toEqual(['start', 'stop', 'start'])
  await blocker.close()
})

test('a start that failed is repeated', async () => {
  let tries = 0
  const app = App.new()
    .onStart(() => {
      if (++tries < 3) throw new Error('no database')
    })
    .get('/', () => 'ok')
  await expect(app.inject('/')).rejects.toThrow('no database')
  await expect(app.run(options)).rejects.toThrow('no database')
  expect(await inject(app)).toBe('ok')
})

test('close() drains injected requests', async () => {
  let answer = () => {}
  const app = App.new()
    .get('/slow', () => new Promise<string>((resolve) => (answer = () => resolve('done'))))
    .get('/', () => 'ok')
  const server = await app.run(options)
  const slow = app.inject('/slow')
  await app.inject('/')
  const closed = server.close()
  answer()
  expect(await (await slow).text()).toBe('done')
  await closed
})

test('close() cuts off the injected requests that do not end', async () => {
  const app = App.new()
    .get('/never', () => new Promise(() => {}))
    .get('/', () => 'ok')
  const server = await app.run(options)
  const never = app.inject('/never')
  await app.inject('/')
  await Promise.all([
    expect(never).rejects.toMatchObject({ code: 'ARMATURE_SERVER_CLOSED' }),
    server.close({ timeout: 50 }),
  ])
})
