// Command lines: `node:util`'s parser, `--help`, and an error for what is not known.
import { parseArgs } from 'node:util'
import { fail } from './log.mjs'

/**
 * `options` as in `util.parseArgs`. `--help` prints `help` and ends; an unknown option is an error. What is not an option
 * is an error too, unless `positionals`: then it is in `_`.
 */
export function args(help, options = {}, { positionals: allowPositionals = false } = {}) {
  try {
    const known = { ...options, help: { type: 'boolean', short: 'h' } }
    const { values, positionals } = parseArgs({ options: known, allowPositionals })
    if (!values.help) return allowPositionals ? { ...values, _: positionals } : values
  } catch (error) {
    fail(error.message, 'Try --help.')
  }
  console.log(help.trim())
  process.exit(0)
}
