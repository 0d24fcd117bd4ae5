// What the project aims at, and how far it is from it.
import { engine, yardstick } from '../contenders.mjs'
import { memoryWork } from '../works.mjs'
import { summarize } from './figures.mjs'
import { peer } from './files.mjs'
import { markdown } from './table.mjs'

/** Where each figure comes from, in the unit of its goal, which is the most that it may be, or with `atLeast` the least. */
const targets = [
  {
    what: '`user`: CPU of armature-inline-sync, x raw hyper',
    goal: 1.1,
    precision: 3,
    of: (result) => ofEngine(result, 'user'),
  },
  {
    what: '`fixed`: CPU of armature-inline-sync, x raw hyper',
    goal: 0.95,
    precision: 3,
    of: (result) => ofEngine(result, 'fixed'),
  },
  {
    what: 'finding a route with one parameter, us',
    goal: 0.05,
    of: ({ micro }) => nanosecondsOf(micro, 'one parameter') / 1000,
  },
  {
    what: 'the dearest native layer that has nothing to do, us',
    goal: 0.15,
    of: ({ micro }) => Math.max(...micro.filter(isLayer).map(({ nanoseconds }) => nanoseconds)) / 1000,
  },
  {
    what: 'building a JSON response, us',
    goal: 0.5,
    of: ({ micro }) => nanosecondsOf(micro, 'JSON response, 2 fields') / 1000,
  },
  {
    what: 'memory of a waiting request (armature-async), KB',
    goal: 5,
    of: ({ samples }) => summarize(samples, 'request', memoryWork, 'armature-async').value,
  },
  {
    what: 'the same with its connection, KB',
    of: ({ samples }) => summarize(samples, 'inflight', memoryWork, 'armature-async').value,
  },
  {
    what: 'ten idle layers: requests/s, x without',
    goal: 0.85,
    atLeast: true,
    of: ({ samples }) =>
      summarize(samples, 'perSecond', 'layers: idle', 'ten layers', 'without layers').ratio,
  },
  ...[
    ['429: CPU, x fastify', 0.4, 'layers: refused'],
    ['`Cache` hit: CPU, x fastify', 0.45, 'layers: hit'],
    ['`Cache` hit: CPU, x fixed', 1.3, 'layers: hit', 'fixed'],
    ['gzip of 50 KB: CPU, x fastify', 0.7, 'layers: gzip'],
    ['br of 50 KB: CPU, x fastify', 0.7, 'layers: br'],
    ['a file of 1 KB: CPU, x nginx', 0.8, 'files: 1 KB', peer],
    ['a file of 1 KB: CPU, x fastify', 0.1, 'files: 1 KB'],
    ['a file of 100 KB: CPU, x nginx', 1.25, 'files: 100 KB', peer],
    ['a file of 10 MB: CPU, x nginx', 1.25, 'files: 10 MB', peer],
  ].map(([what, goal, work, to = yardstick]) => ({
    what,
    goal,
    of: ({ samples }) => summarize(samples, 'cpuProcess', work, 'armature-async', to).ratio,
  })),
  ...[
    ['429, pipelined: requests/s, x fastify', 'layers: refused, pipelined'],
    ['`Cache` hit, pipelined: requests/s, x fastify', 'layers: hit, pipelined'],
  ].map(([what, work]) => ({
    what,
    goal: 8,
    atLeast: true,
    of: ({ samples }) => summarize(samples, 'perSecond', work, 'armature-async', yardstick).ratio,
  })),
]

/** CPU time of the inline driver for a request, as a multiple of raw hyper's. */
const ofEngine = ({ samples }, work) =>
  summarize(samples, 'cpuProcess', work, 'armature-inline-sync', engine).ratio

const isLayer = ({ name }) => name.startsWith('idle') && !name.endsWith('ten layers')

const nanosecondsOf = (micro, name) => micro.find((each) => each.name === name)?.nanoseconds

export function targetSection(result) {
  const rows = targets
    .map(({ of, precision = 2, ...target }) => ({ ...target, precision, value: of(result) }))
    .filter(({ value }) => Number.isFinite(value))
    .map(({ what, goal, atLeast = false, precision, value }) => {
      const verdict =
        goal === undefined ? '' : (atLeast ? value >= goal : value <= goal) ? 'reached' : 'missed'
      const bound = goal === undefined ? '-' : `${atLeast ? 'at least ' : ''}${goal}`
      return [what, bound, value.toPrecision(precision), verdict]
    })
  return rows.length === 0
    ? undefined
    : `## Targets\n\n${markdown([['what', 'target', 'measured', ''], ...rows])}`
}
