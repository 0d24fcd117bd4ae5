const type = 'ArmatureWarning'

/** Codes of warnings, by the number of their subject; `crates/armature-node/src/server/warnings.rs` has the same. */
const CODES = ['ARMATURE_TLS', 'ARMATURE_UNSENT']

/** @internal A warning that comes from Rust. */
export function warnOf(subject: number, message: string): void {
  process.emitWarning(message, { type, code: CODES[subject] })
}

/** @internal IO threads take the place of `io: 'inline'`, and `why`. */
export function warnOfFallback(why: string): void {
  const message = `io: 'inline' is not possible here (${why}); IO threads take its place`
  process.emitWarning(message, { type, code: 'ARMATURE_INLINE_FALLBACK' })
}
