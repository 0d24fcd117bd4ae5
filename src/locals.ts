/**
 * What every request of an application may carry in `req.locals`, whatever its route. An application adds to it; for
 * values that one middleware provides to what is declared after it, prefer `middleware<{ … }>()`.
 *
 * @example
 * declare module '@armature/core' {
 *   interface Locals { tenant?: string }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: applications add to it
export interface Locals {}
