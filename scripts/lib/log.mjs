// How the scripts speak: one line when a step starts, an error that says what to do.
const colour = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)

export const bold = (text) => paint(1, text)
export const green = (text) => paint(32, text)
export const red = (text) => paint(31, text)

export const step = (text) => console.log(`${bold('>')} ${text}`)

/** Ends the process: what is wrong, then what to do about it. */
export function fail(what, ...advice) {
  console.error(`\n${red('error:')} ${what}`)
  for (const line of advice) console.error(`  ${line}`)
  process.exit(1)
}

/** `12.3 s` since `start` (of `performance.now()`). */
export const since = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`
