// The files that a complete run leaves in the repository.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { yardstick } from '../contenders.mjs'
import { keyWorks } from '../works.mjs'
import { chart } from './chart.mjs'
import { insertResults, readmeTable } from './readme.mjs'
import { reportText } from './report.mjs'

/** Why `result` should not be written down, or undefined. */
export function unfit({ settings, samples }) {
  if (settings.quick) return 'a quick run is not to be quoted'
  const missing = keyWorks.find(
    (work) => !samples.some((sample) => sample.work === work && sample.contender === yardstick),
  )
  return missing && `${missing} was not measured for ${yardstick}, the yardstick`
}

/** Writes them below `root`; returns what it did, a sentence each. */
export function writeResults(root, result) {
  writeFileSync(join(root, 'benchmark/RESULTS.md'), reportText(result))
  writeFileSync(join(root, 'benchmark/results.svg'), chart(result))
  const done = ['wrote benchmark/RESULTS.md and benchmark/results.svg']
  const file = join(root, 'README.md')
  const changed = existsSync(file) && insertResults(readFileSync(file, 'utf8'), readmeTable(result))
  if (!changed) return [...done, 'README.md has no <!-- results --> ... <!-- /results -->: no table there']
  writeFileSync(file, changed)
  return [...done, 'wrote the table of README.md']
}
