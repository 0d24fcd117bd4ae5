// What is measured when.
import { expect, test } from 'vitest'
import { contenders } from '../contenders.mjs'
import { keyWorks } from '../works.mjs'
import { options, settingsOf } from './options.mjs'
import { estimate, schedule } from './schedule.mjs'
import { orderOf, turnsOf } from './turns.mjs'

const defaults = Object.fromEntries(
  Object.entries(options).map(([name, { default: value }]) => [name, value]),
)
const settings = (values) => settingsOf({ ...defaults, ...values })
const names = (due) => due.map(({ work }) => work)

test('the key works are measured in every round and slice, the others in fewer', () => {
  const all = settings({ work: 'all', rounds: '3', slices: '6' })
  expect(names(schedule(all, 3))).toEqual(['fixed', ...keyWorks, 'user-1'])
  expect(names(schedule(all, 2))).toEqual(['fixed', ...keyWorks, 'user-1'])
  expect(names(schedule(all, 1))).toContain('memory')
  const slices = Object.fromEntries(schedule(all, 1).map(({ work, slices }) => [work, slices]))
  expect(slices).toMatchObject({
    user: 6,
    echo: 6,
    'user-pipelined': 6,
    fixed: 3,
    'user-1': 3,
    'user-512': 3,
  })
})

test('a work that is asked for alone gets all the time', () => {
  const alone = settings({ work: 'hello', rounds: '3', slices: '5' })
  expect(schedule(alone, 3)).toEqual([{ work: 'hello', slices: 5 }])
})

test('the drivers are compared in half of the slices, whatever else is asked for', () => {
  const slices = (values) =>
    schedule(settings({ work: 'all', ...values }), 1).find(({ work }) => work === 'drivers')?.slices
  expect(slices({ slices: '6' })).toBe(3)
  expect(slices({ work: 'drivers', slices: '5' })).toBe(2)
  expect(slices({ work: 'user' })).toBeUndefined()
})

test('who has no part in a work costs it no time', () => {
  const minutes = (names) => estimate(settings({ work: 'fixed', rounds: '3', slices: '14' }), names)
  const [few, more] = [
    ['fastify', 'hyper'],
    ['fastify', 'hyper', 'express'],
  ].map(minutes)
  expect(more - few).toBeLessThan(minutes(['express', 'fastify']) / 3)
})

test('what has processes of its own takes its time', () => {
  const names = Object.keys(contenders)
  const minutes = (work) => estimate(settings({ work, rounds: '1' }), names)
  expect(minutes('timers')).toBeGreaterThan(0.4)
  expect(minutes('drivers')).toBeGreaterThan(0.5)
  expect(minutes('workers')).toBeGreaterThan(0.3)
  expect(minutes('websocket')).toBeGreaterThan(0.3)
  expect(minutes('protocols')).toBeGreaterThan(0.3)
  expect(minutes('layers')).toBeGreaterThan(0.5)
  expect(minutes('files')).toBeGreaterThan(0.3)
  expect(estimate(settings({ work: 'layers,files' }), ['fastify', 'hyper'])).toBe(0)
  expect(minutes('timers,drivers')).toBeCloseTo(minutes('timers') + minutes('drivers'), 6)
  expect(estimate(settings({ work: 'timers' }), ['hyper'])).toBe(0)
})

test('a quick run measures each work once', () => {
  const quick = settings({ quick: true })
  expect(schedule(quick, 1)).toContainEqual({ work: 'user-connect', slices: 1 })
  expect(schedule(quick, 1)).toContainEqual({ work: 'user', slices: 1 })
})

test('the defaults leave time to build within 20 minutes', () => {
  expect(estimate(settings({}), Object.keys(contenders))).toBeLessThan(10)
})

test('every other time is in reverse', () => {
  expect(orderOf(['a', 'b', 'c'], 1)).toEqual(['a', 'b', 'c'])
  expect(orderOf(['a', 'b', 'c'], 2)).toEqual(['c', 'b', 'a'])
})

test('the yardstick has a turn before every three others', () => {
  const turns = (text, slice) => turnsOf([...text], (name) => name === 'Y', slice).join('')
  expect(turns('aYb', 1)).toBe('Yab')
  expect(turns('abYcdefghi', 1)).toBe('YabcYdefYghi')
  expect(turns('abYcdefghi', 2)).toBe('ihgYfedYcbaY')
  expect(turns('abcdef', 1)).toBe('abcdef')
})
