// `npm run kills`: the long form of __test__/workers-kills.test.ts.
import { writeFileSync } from 'node:fs'
import { args } from './lib/args.mjs'
import { memoryChart } from './soak/chart.mjs'
import { dyingWorkers } from './soak/dying.mjs'

const help = `
npm run kills [-- --kills 1000 | --seconds 1800] [--workers 3] [--every 20] [--svg docs/design/killed-workers.svg]

Load against a server of which one worker after the other is killed, the next one when all run again and --every
milliseconds have passed. Fails when a request fails that the dead thread had not been handed. --svg keeps the memory
of the process over time.
`
const options = args(help, {
  kills: { type: 'string' },
  seconds: { type: 'string' },
  workers: { type: 'string', default: '3' },
  every: { type: 'string', default: '20' },
  svg: { type: 'string' },
})
const [workers, every] = [options.workers, options.every].map(Number)
const until =
  options.seconds === undefined
    ? { kills: Number(options.kills ?? 1000) }
    : { seconds: Number(options.seconds) }
const onSample = ({ second, kills, rss }, { ok, lost, failures }) =>
  console.log(
    `${second.toFixed(0).padStart(6)} s  ${kills} killed  rss ${(rss / 2 ** 20).toFixed(0)} MiB  ${ok} answered  ` +
      `${lost} lost with their thread  ${failures.length} failed`,
  )
const { ok, lost, failures, samples } = await dyingWorkers({ ...until, workers, every, onSample })
if (options.svg)
  writeFileSync(
    options.svg,
    memoryChart(samples, 'Resident memory in MiB while workers are killed under load'),
  )
console.log(`${ok} answered, ${lost} lost with the thread that had them, ${failures.length} failed`)
for (const failure of failures.slice(0, 20)) console.log(failure)
if (failures.length > 0) process.exitCode = 1
