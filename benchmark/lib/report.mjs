// The whole report: where it was measured, how, and the tables.
import { contenders as all, yardstick } from '../contenders.mjs'
import { allWorks, keyWorks, memoryWork, works } from '../works.mjs'
import { machine, when } from './environment.mjs'
import { columns } from './figures.mjs'
import { driversSection, timersSection, workersSection } from './process-sections.mjs'
import { protocolsSection } from './protocols-section.mjs'
import { filesSection, layersSection } from './rows-section.mjs'
import { memorySection, microSection, startSection } from './sections.mjs'
import { workTable } from './table.mjs'
import { targetSection } from './targets.mjs'
import { websocketSection } from './websocket-section.mjs'

const bullets = (title, list) =>
  list.length > 0 ? `## ${title}\n\n${list.map((each) => `- ${each}`).join('\n')}` : undefined

function* sections(result) {
  const { samples, settings, skipped, problems } = result
  const names = Object.keys(all)
  const has = (work) => samples.some((sample) => sample.work === work)
  yield targetSection(result)
  for (const work of settings.work.filter((name) => name in works && has(name))) {
    yield `## ${works[work].title}\n\n\`${work}\`, ${works[work].connections} connection${works[work].connections === 1 ? '' : 's'}\n\n${workTable(samples, work, columns, names, yardstick)}`
  }
  if (has(memoryWork)) yield memorySection(result, names, yardstick)
  yield timersSection(result, names, yardstick)
  yield driversSection(result)
  yield workersSection(result)
  yield protocolsSection(result)
  yield websocketSection(result)
  yield layersSection(result)
  yield filesSection(result)
  if (has('start')) yield startSection(result, names, yardstick)
  if (result.micro.length > 0) yield microSection(result)
  yield bullets('Left out', skipped)
  yield bullets('Failed', problems)
}

/** `result` as Markdown. */
export function reportText(result) {
  const { environment, settings } = result
  const warning = settings.quick ? '\n**A quick run, to see that everything works: not to be quoted.**\n' : ''
  const parts = [method(result), ...sections(result)].filter(Boolean)
  return `# Benchmark results
${warning}
${when(environment)}; ${machine(environment)}.

${parts.join('\n\n')}
`
}

/** How the servers were measured; undefined when none was. */
function method({ environment, settings, samples }) {
  if (samples.length === 0) return undefined
  const { rounds, slices, duration, warmup } = settings
  const versions = Object.keys(all)
    .filter((name) => samples.some((sample) => sample.contender === name))
    .map((name) => `${name} ${environment.versions[name]}`)
    .join(', ')
  // The servers of some works are not among those that have a version of their own.
  return `${versions === '' ? '' : `${versions}.\n\n`}wrk on the same machine. ${keyWorks.join(', ')}: ${rounds} ${rounds === 1 ? 'round' : 'rounds'} with new processes, in each ${slices} ${slices === 1 ? 'slice' : 'slices'} in which every server
has a turn of ${duration} s, after ${warmup} s of warm-up; the others in fewer. Medians of all turns; in parentheses the multiple of ${yardstick}'s
figure: of CPU time by the lowest fifth of all turns of each, which were disturbed least; of all else by slices, without the extreme tenths. CPU is that of
the server process for one request; "JS thread" is its main thread alone. Made with \`npm run bench -- ${settings.work.length === allWorks.length ? '--work all ' : ''}--write\`.`
}
