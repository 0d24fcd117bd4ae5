// What a process says of its timers, who takes part, and where servers are held.
import { expect, test } from 'vitest'
import { report, watch } from '../servers/turns.mjs'
import { apartWorks, takers, timersNames } from '../works.mjs'
import { parseCores, pinned } from './cores.mjs'
import { driversSample, ioThreads } from './drivers.mjs'

const nextTimer = () => new Promise((resolve) => setTimeout(resolve, 1))

function block(milliseconds) {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

test('a timer that could not fire is late, also when it does so after the load', async () => {
  watch()
  block(250)
  await nextTimer()
  const { lateP50, lateP99, lateMax, ticks, reads } = report()
  expect(lateMax).toBeGreaterThanOrEqual(249)
  expect(lateP99).toBe(lateMax)
  expect(lateP50).toBeLessThanOrEqual(lateMax)
  expect(ticks).toBeLessThan(100)
  expect(reads).toBeGreaterThanOrEqual(0)
})

test('a tick that is due and never came counts as well', async () => {
  watch()
  block(210)
  await nextTimer()
  block(300)
  expect(report().lateMax).toBeGreaterThanOrEqual(299)
})

test('works with few servers prepare no others', () => {
  const all = ['armature-sync', 'armature-async', 'armature-inline-async', 'fastify', 'uws', 'hyper']
  expect(takers(all, ['drivers', 'micro'])).toEqual(['armature-async', 'armature-inline-async'])
  expect(takers(all, ['timers'])).toEqual(all.filter((name) => timersNames.includes(name)))
  expect(takers(all, ['timers', 'user'])).toEqual(all)
  expect(takers(all, ['start', 'micro'])).toEqual([])
  expect(apartWorks).toContain('memory')
})

test('cores are read as the kernel writes them, and given as taskset takes them', () => {
  expect(parseCores('0-2,5')).toEqual([0, 1, 2, 5])
  expect(parseCores('3')).toEqual([3])
  expect(pinned(['wrk', '-t1'], [1, 2])).toEqual(['taskset', '--cpu-list', '1,2', 'wrk', '-t1'])
  expect(pinned(['wrk', '-t1'])).toEqual(['wrk', '-t1'])
})

test('IO threads are one less than the cores, one at least and four at most', () => {
  expect([1, 2, 4, 16].map(ioThreads)).toEqual([1, 1, 3, 4])
  expect(driversSample('one', 'user')).not.toBe(driversSample('all', 'user'))
})
