// One round, without servers: who has a turn, and what becomes of those that fail.
import { beforeEach, expect, test, vi } from 'vitest'
import { startContender } from './child.mjs'
import { checkAnswers } from './honest.mjs'
import { load, warmUp } from './load.mjs'
import { round } from './round.mjs'

vi.mock('./child.mjs')
vi.mock('./honest.mjs')
vi.mock('./load.mjs')

let events
beforeEach(() => {
  events = []
  vi.resetAllMocks()
  startContender.mockImplementation(async () => ({
    stop: async () => {
      events.push('stop')
    },
  }))
  load.mockImplementation(async ({ name }) => ({ by: name }))
})

async function run(names, due) {
  const failed = []
  await round(
    names,
    due,
    {},
    {
      begin: (work) => events.push(work),
      add: (name, _work, slice, figures) => {
        expect(figures).toEqual({ by: name })
        events.push(`${slice} ${name}`)
      },
      end: () => events.push('end'),
      fail: (name, error) => failed.push(`${name}: ${error.message}`),
    },
  )
  return failed
}

test('everybody has a turn in every slice, every other slice in reverse, except those that cannot', async () => {
  const due = [
    { work: 'user', slices: 2 },
    { work: 'user-connect', slices: 1 },
  ]
  expect(await run(['uws', 'fastify', 'hyper'], due)).toEqual([])
  expect(events).toEqual([
    ...['user', '1 fastify', '1 uws', '1 hyper', '2 hyper', '2 uws', '2 fastify', 'end'],
    ...['user-connect', '1 fastify', '1 hyper', 'end'],
    ...['stop', 'stop', 'stop'],
  ])
  expect(warmUp).toHaveBeenCalledTimes(5)
})

test('who answers wrongly is stopped and takes no part', async () => {
  checkAnswers.mockRejectedValueOnce(new Error('wrong'))
  expect(await run(['hono', 'fastify'], [{ work: 'user', slices: 1 }])).toEqual(['hono: wrong'])
  expect(events).toEqual(['stop', 'user', '1 fastify', 'end', 'stop'])
})

test('who fails under load is stopped, and the others go on', async () => {
  load.mockImplementation(async ({ name }, work) => {
    if (name === 'hono' && work === 'echo') throw new Error('broke')
    return { by: name }
  })
  const due = ['user', 'echo', 'hello'].map((work) => ({ work, slices: 1 }))
  expect(await run(['hono', 'fastify'], due)).toEqual(['hono: broke'])
  expect(events).toEqual([
    ...['user', '1 fastify', '1 hono', 'end'],
    ...['echo', '1 fastify', 'stop', 'end'],
    ...['hello', '1 fastify', 'end', 'stop'],
  ])
})
