// The command line.
import { expect, test } from 'vitest'
import { help, options, settingsOf } from './options.mjs'

const defaults = Object.fromEntries(
  Object.entries(options).map(([name, { default: value }]) => [name, value]),
)
const settings = (values) => settingsOf({ ...defaults, ...values })

test('the help names every option', () => {
  for (const name of Object.keys(options)) expect(help).toContain(`--${name}`)
})

test('errors name the option and what is allowed', () => {
  expect(() => settings({ only: 'fastify,koa' })).toThrow('--only koa is not known; there are: armature')
  expect(() => settings({ work: 'nothing' })).toThrow('--work nothing is not known; there are: hello,')
  for (const value of ['0', '1.5', 'x', '51']) {
    expect(() => settings({ rounds: value })).toThrow('--rounds is a whole number from 1 to 50')
  }
})

test('works that have to be asked for', () => {
  for (const work of ['layers', 'files', 'routing']) {
    expect(settings({}).work).not.toContain(work)
    expect(settings({ work }).work).toEqual([work])
    expect(settings({ work: 'all' }).work).toContain(work)
  }
})

test('durations may be fractions', () => {
  expect(settings({ duration: '0.5', warmup: '1.5' })).toMatchObject({ duration: 0.5, warmup: 1.5 })
  expect(() => settings({ duration: '0.05' })).toThrow('--duration is a number of seconds from 0.1 to 300')
})

test('a quick run takes everything once, but does not compile', () => {
  const quick = settings({ quick: true })
  expect(quick).toMatchObject({ rounds: 1, slices: 1, quick: true })
  expect(quick.work).not.toContain('routing')
  expect(settings({ micro: true }).work).toEqual(['micro', 'routing'])
})
