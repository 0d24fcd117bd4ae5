// The few figures that README shows.
import { contenders, yardstick } from '../contenders.mjs'
import { keyWorks, works } from '../works.mjs'
import { machine, when } from './environment.mjs'
import { summarize } from './figures.mjs'
import { cell, markdown, measured } from './table.mjs'

/** A table of the key works: what a request costs, and how many a second that makes. */
export function readmeTable({ samples, environment }) {
  const known = keyWorks.filter((work) => samples.some((sample) => sample.work === work))
  const names = measured(samples, known[0], Object.keys(contenders))
  const figure = (key, work, name, digits) => cell(summarize(samples, key, work, name, yardstick), digits)
  const head = [
    'server',
    ...known.map((work) => `${works[work].short}: CPU us/request`),
    `${works[known[0]].short}: requests/s`,
  ]
  const rows = names.map((name) => [
    name,
    ...known.map((work) => figure('cpuProcess', work, name, 1)),
    figure('perSecond', known[0], name, 0),
  ])
  return `![Requests per second and CPU time per request](benchmark/results.svg)

${markdown([head, ...rows])}

${when(environment)}; ${machine(environment)}. In parentheses: the multiple of ${yardstick}'s figure in the same run. More works, latency, memory,
versions: [benchmark/RESULTS.md](benchmark/RESULTS.md).`
}

const BEGIN = '<!-- results -->'
const END = '<!-- /results -->'

/** `readme` with `content` between its markers; undefined when it does not have both, once, in this order. */
export function insertResults(readme, content) {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END)
  if (begin < 0 || end < begin) return undefined
  return `${readme.slice(0, begin + BEGIN.length)}\n${content}\n${readme.slice(end)}`
}
