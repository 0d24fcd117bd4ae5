import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * What makes tsx work in a worker when this process runs under it: arguments for Node.js. Before Node.js 24 the hooks
 * that tsx registers stay with the main thread, and a module in TypeScript would be an unknown file extension.
 */
export function tsxArguments(entry: string): string[] {
  const folder = tsxFolder(entry)
  if (folder === undefined) return []
  try {
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
    const calls = ['./cjs/api', './esm/api'].map((name, index) => {
      const url = pathToFileURL(join(folder, exports[name]?.import?.default as string)).href
      return `import { register as r${index} } from ${JSON.stringify(url)}; r${index}();`
    })
    return ['--import', `data:text/javascript,${encodeURIComponent(calls.join(''))}`]
  } catch {
    // Another tsx than those that are known: it may do without.
    return []
  }
}

interface Manifest {
  readonly exports: Readonly<Record<string, { import?: { default?: string } } | undefined>>
}

function tsxFolder(entry: string): string | undefined {
  const options = process.env.NODE_OPTIONS?.split(/\s+/) ?? []
  for (const option of [...process.execArgv, ...options]) {
    const value = option.slice(option.indexOf('=') + 1)
    const path = value.startsWith('file:') ? fileURLToPath(value) : value
    const inside = /^(.*[\\/]tsx)[\\/]dist[\\/]/.exec(path)
    if (inside !== null) return inside[1]
    if (/^tsx(\/(esm|cjs))?$/.test(value)) return resolveFrom(entry) ?? resolveFrom(join(process.cwd(), 'x'))
  }
  return undefined
}

function resolveFrom(file: string): string | undefined {
  try {
    return dirname(createRequire(file).resolve('tsx/package.json'))
  } catch {
    return undefined
  }
}
