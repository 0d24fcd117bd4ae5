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
  const all = settings({ rounds: '3', slices: '6' })
  expect(names(schedule(all, 3))).toEqual(['fixed', ...keyWorks])
  expect(names(schedule(all, 2))).toEqual(['fixed', ...keyWorks])
  expect(names(schedule(all, 1))).toContain('memory')
  const slices = Object.fromEntries(schedule(all, 1).map(({ work, slices }) => [work, slices]))
  expect(slices).toMatchObject({ user: 6, echo: 6, 'user-pipelined': 6, fixed: 2, 'user-512': 2 })
})

test('a work that is asked for alone gets all the time', () => {
  const alone = settings({ work: 'hello', rounds: '3', slices: '5' })
  expect(schedule(alone, 3)).toEqual([{ work: 'hello', slices: 5 }])
})

test('a quick run measures each work once', () => {
  const quick = settings({ quick: true })
  expect(schedule(quick, 1)).toContainEqual({ work: 'user-connect', slices: 1 })
  expect(schedule(quick, 1)).toContainEqual({ work: 'user', slices: 1 })
})

test('the defaults take well under 20 minutes for everybody, building included', () => {
  expect(estimate(settings({}), Object.keys(contenders))).toBeLessThan(16)
})

test('every other time is in reverse', () => {
  expect(orderOf(['a', 'b', 'c'], 1)).toEqual(['a', 'b', 'c'])
  expect(orderOf(['a', 'b', 'c'], 2)).toEqual(['c', 'b', 'a'])
})

test('the yardstick has a turn before every five others', () => {
  const turns = (text, slice) => turnsOf([...text], (name) => name === 'Y', slice).join('')
  expect(turns('aYb', 1)).toBe('Yab')
  expect(turns('abYcdefghi', 1)).toBe('YabcdeYfghi')
  expect(turns('abYcdefghi', 2)).toBe('ihgfYedcbaY')
  expect(turns('abcdef', 1)).toBe('abcdef')
})
