import { currentRequest } from '@armature/core/context'

/** What was logged; a real application writes it somewhere. */
export const lines: string[] = []

/** Says for which request, wherever it is called from. */
export function log(message: string): void {
  const req = currentRequest()
  lines.push(req === undefined ? message : `${req.method} ${req.path} (${req.id}): ${message}`)
}
