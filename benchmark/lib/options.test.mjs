// The command line, and what it makes of a run.
import { expect, test } from 'vitest'
import { contenders } from '../contenders.mjs'
import { keyWorks } from '../works.mjs'
import { estimate, help, options, schedule, settingsOf } from './options.mjs'
import { orderOf } from './session.mjs'

const defaults = Object.fromEntries(
  Object.entries(options).map(([name, { default: value }]) => [name, value]),
)
const settings = (values) => settingsOf({ ...defaults, ...values })
const names = (due) => due.map(({ work }) => work)

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

test('the key works are measured in every round, the others in half of them and half as long', () => {
  const all = settings({ rounds: '3', duration: '4' })
  expect(names(schedule(all, 3))).toEqual(keyWorks)
  expect(names(schedule(all, 2))).toEqual(keyWorks)
  expect(names(schedule(all, 1))).toContain('memory')
  const seconds = Object.fromEntries(schedule(all, 1).map(({ work, seconds }) => [work, seconds]))
  expect(seconds).toMatchObject({ user: 4, echo: 4, 'user-pipelined': 4, hello: 2, 'user-512': 2 })
})

test('a work that is asked for alone gets all the time', () => {
  const alone = settings({ work: 'hello', rounds: '3', duration: '4' })
  expect(schedule(alone, 3)).toEqual([{ work: 'hello', seconds: 4 }])
})

test('the defaults take less than 20 minutes for everybody, building included', () => {
  expect(estimate(settings({}), Object.keys(contenders).length)).toBeLessThan(16)
})

test('a quick run takes everything once, but does not compile', () => {
  const quick = settings({ quick: true })
  expect(quick).toMatchObject({ rounds: 1, duration: 1, quick: true })
  expect(quick.work).not.toContain('routing')
  expect(names(schedule(quick, 1))).toContain('user-connect')
  expect(settings({ micro: true }).work).toEqual(['micro', 'routing'])
})

test('every other round runs in reverse', () => {
  expect(orderOf(['a', 'b', 'c'], 1)).toEqual(['a', 'b', 'c'])
  expect(orderOf(['a', 'b', 'c'], 2)).toEqual(['c', 'b', 'a'])
})
