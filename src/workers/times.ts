/** How long workers may take for what, in milliseconds: options of `workers`, which docs/reference/options.md explains. */
export interface WorkerTimes {
  /** From its start to its servers. */
  readonly start: number
  /** For stop hooks, beyond what requests get. */
  readonly stop: number
  /** From its last server to its end. */
  readonly end: number
  /** The wait before a worker is started again; doubled when it ends soon again, up to the most. */
  readonly restart: number
  /** The most; one that served for so long has done well: what comes next counts as the first time. */
  readonly maxRestart: number
  /** For streams of code that was replaced, unless another reload comes. */
  readonly linger: number
}
