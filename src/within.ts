// Taken at load, so that fake timers of a test runner do not stop a server from closing.
const { setTimeout, clearTimeout } = globalThis

/** @internal What `promise` resolves with, or `late` says after so many milliseconds. */
export async function within(
  patience: number,
  promise: Promise<number>,
  late: () => number,
): Promise<number> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<number>((resolve) => {
    timer = setTimeout(() => resolve(late()), patience)
  })
  const first = await Promise.race([promise, over])
  clearTimeout(timer)
  return first
}
