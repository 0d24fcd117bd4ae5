// Ctrl-C is how one leaves a program that serves: an orderly end, never a failure.

/**
 * On SIGINT or SIGTERM calls `stop` once and ends with the code that it resolves to. A second signal, from somebody who
 * does not want to wait, calls `hurry`; a terminal and npm may each deliver the first one, which makes it no second.
 */
export function onLeave(stop, hurry) {
  let first
  const leave = async () => {
    if (first !== undefined) {
      if (performance.now() - first > 500) hurry()
      return
    }
    first = performance.now()
    process.exit(await stop())
  }
  process.on('SIGINT', leave)
  process.on('SIGTERM', leave)
  return { leaving: () => first !== undefined }
}
