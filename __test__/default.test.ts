import { App, Cors, HttpError, Router, scope } from '@armature/core'
import { testServer } from '@armature/core/testing'
import { expect, test } from 'vitest'

const seen: string[] = []

function app() {
  return App.new()
    .wrap(Cors.permissive())
    .scope('/orgs/:org', (org) =>
      org
        .wrap((req, next) => {
          seen.push(`${req.param('org')}|${JSON.stringify(req.params)}`)
          return next()
        })
        .get('/known', () => 'known')
        .default((req) => `org ${req.param('org')} has no ${req.path}, route '${req.route}'`)
        .scope('/users/:user', (user) => user.get('/known', () => 'known'))
        .scope('/teams/:team', (team) => team.default((req) => Object.values(req.params).join('+')))
        .service(scope('/bots/:bot').default((req) => req.params)),
    )
    .service(new Router().scope('/deep/:a/:b/:c/:d/:e', (s) => s.default((req) => req.params)))
}

test.each([
  ['/orgs/acme/nothing', "org acme has no /orgs/acme/nothing, route ''"],
  ['/orgs/acme', "org acme has no /orgs/acme, route ''"],
  ['/orgs/a%2Fb%20%C3%BC/x', "org a/b ü has no /orgs/a%2Fb%20%C3%BC/x, route ''"],
  // The path belongs to the scope of a user, whose nearest default is that of the organisation.
  ['/orgs/acme/users/7/nothing', "org acme has no /orgs/acme/users/7/nothing, route ''"],
  ['/orgs/acme/teams/red/nothing', 'acme+red'],
  ['/orgs/acme/bots/x/nothing', '{"org":"acme","bot":"x"}'],
  ['/deep/1/2/3/4/5/nothing', '{"a":"1","b":"2","c":"3","d":"4","e":"5"}'],
])('the parameters of the prefix reach default and its middleware: %s', async (path, body) => {
  seen.length = 0
  expect(await (await app().inject(path)).text()).toBe(body)
  if (!path.startsWith('/orgs/')) return
  expect(seen).toHaveLength(1)
  expect(seen[0]).toContain(path.includes('%') ? 'a/b ü|{"org":"a/b ü"' : 'acme|{"org":"acme"')
})

test('other names are unknown there', async () => {
  const unknown = (req: { param(name: string): string }) => req.param('id')
  const app = App.new()
    .scope('/orgs/:org', (org) => org.default(unknown))
    .default(unknown)
    .onError((error) => (error as HttpError).code)
  expect(await (await app.inject('/orgs/a/b')).text()).toBe('ARMATURE_PARAM_UNKNOWN')
  expect(await (await app.inject('/x')).text()).toBe('ARMATURE_PARAM_UNKNOWN')
})

test('a known path with another method stays with Rust, inside the native layers', async () => {
  await using t = await testServer(app())
  seen.length = 0
  const refused = await t.fetch('/orgs/acme/known', { method: 'POST', headers: { origin: 'http://a' } })
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([405, '*'])
  const options = await t.fetch('/orgs/acme/known', { method: 'OPTIONS' })
  expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS'])
  expect(seen).toEqual([])
})

test('two scopes with one prefix may name its parameter differently', async () => {
  const twins = App.new()
    .scope('/orgs/:org', (s) => s.get('/a', (req) => req.param('org')))
    .scope('/orgs/:name', (s) => s.default((req) => req.param('name')))
  expect(await (await twins.inject('/orgs/acme/x')).text()).toBe('acme')
  expect(await (await twins.inject('/orgs/acme/a')).text()).toBe('acme')
})

test('an error of a default goes through onError with the parameters', async () => {
  const failing = App.new().scope('/orgs/:org', (s) =>
    s
      .default(() => {
        throw new HttpError(410, 'gone')
      })
      .onError((_error, req) => `failed in ${req.param('org')}`),
  )
  expect(await (await failing.inject('/orgs/acme/x')).text()).toBe('failed in acme')
})
