/** @internal Levels and their weights; those of pino. */
export const WEIGHTS = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Number.POSITIVE_INFINITY,
} as const

/** @internal */
export type Level = Exclude<keyof typeof WEIGHTS, 'silent'>
