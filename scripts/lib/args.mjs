// Command lines: `node:util`'s parser, `--help`, and an error for what is not known.
import { parseArgs } from 'node:util'
import { fail } from './log.mjs'

/** `options` as in `util.parseArgs`. `--help` prints `help` and ends; an unknown option is an error. */
export function args(help, options = {}) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } })
    if (!values.help) return values
  } catch (error) {
    fail(error.message, 'Try --help.')
  }
  console.log(help.trim())
  process.exit(0)
}
