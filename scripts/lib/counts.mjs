// Counts of a request against those that are kept: plain data in, plain data out.
import { markdown, number } from '../../benchmark/lib/table.mjs'

/** What is counted for a request, and how a table calls it. */
export const figures = { instructions: 'instructions', calls: 'system calls', allocations: 'allocations' }

/** More than this above what is kept is a regression. */
export const WORSE = 0.03
/** So much below it a regression could hide: what is kept has to be renewed. */
export const BETTER = 0.1

/** Counts of none are not compared by their ratio. */
const change = (now, kept) => (kept > 0 ? now / kept - 1 : now > WORSE ? Number.POSITIVE_INFINITY : 0)

/** What differs between the environments of two counts, in words; empty when they can be compared. */
export function differences(kept, now) {
  return Object.keys(now)
    .filter((key) => kept?.[key] !== now[key])
    .map((key) => `${key} ${now[key]}, kept with ${kept?.[key] ?? 'nothing'}`)
}

/**
 * Rows `{ name, figure, now, kept, change, problem? }`: `counts` and `kept` map scenarios to their figures. `problem` says what to
 * do; there is none while both are near enough to each other.
 */
export function compare(counts, kept) {
  return Object.entries(counts).flatMap(([name, count]) =>
    Object.keys(figures).map((figure) => {
      const row = { name, figure, now: count[figure], kept: kept[name]?.[figure] }
      if (row.kept === undefined)
        return { ...row, problem: `${name}: nothing is kept; npm run instructions -- --write` }
      row.change = change(row.now, row.kept)
      const by = `${figures[figure]} went from ${cell(row.kept)} to ${cell(row.now)}`
      if (row.change > WORSE) row.problem = `${name}: ${by}; npm run instructions -- --profile ${name}`
      if (row.change < -BETTER)
        row.problem = `${name}: ${by}: better. Keep it: npm run instructions -- --write`
      return row
    }),
  )
}

/** Whole instructions; of what is rare, parts of one for each request. */
const round = (value) => (value >= 100 ? Math.round(value) : Math.round(value * 100) / 100)
const cell = (value) => {
  if (value === undefined) return '-'
  return number(round(value), Number.isInteger(round(value)) ? 0 : 2)
}
const percent = (value) => {
  if (value === undefined || !Number.isFinite(value)) return '-'
  return `${value >= 0 ? '+' : ''}${(value * 100).toFixed(1)} %`
}

/** Rows of {@link compare} as a table: a line for each scenario. */
export function countsTable(rows) {
  const names = [...new Set(rows.map((row) => row.name))]
  const of = (name, figure) => rows.find((row) => row.name === name && row.figure === figure)
  const columns = Object.entries(figures)
  return markdown([
    ['for each request', ...columns.flatMap(([, title]) => [title, 'kept', 'change'])],
    ...names.map((name) => [
      name,
      ...columns.flatMap(([figure]) => {
        const { now, kept, change } = of(name, figure)
        return [cell(now), cell(kept), percent(change)]
      }),
    ]),
  ])
}

/** `old` with `counts` in the place of what it has of them. Counts of another environment do not belong beside them. */
export function renewed(old, environment, counts) {
  const others = old && differences(old.environment, environment).length === 0 ? old.perRequest : {}
  const exact = (count) => Object.fromEntries(Object.keys(figures).map((key) => [key, round(count[key])]))
  const perRequest = { ...others }
  for (const [name, count] of Object.entries(counts)) perRequest[name] = exact(count)
  return { environment, perRequest }
}
