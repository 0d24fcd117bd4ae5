// The tables of docs/reference/options.md and docs/reference/layers say what the option types say, which are generated
// from the Rust structs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(__dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** The members of a generated interface, with their comments on one line. */
function members(file: string, name: string): { name: string; comment: string }[] {
  const body = new RegExp(`^export interface ${name} .*?\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(read(file))?.[1]
  if (body === undefined) throw new Error(`${file} has no interface ${name}`)
  return [...body.matchAll(/\/\*\*([\s\S]*?)\*\/\s*(\w+)\?:/g)].map(([, comment = '', member = '']) => ({
    name: member,
    comment: comment.replace(/\s*\n\s*\*\s*/g, ' ').trim(),
  }))
}

/** The cells of the table rows that begin with the name of an option. */
function rows(page: string): Map<string, string[]> {
  const lines = read(page).matchAll(/^\| `([\w.]+)` \|(.*)\|$/gm)
  return new Map(
    [...lines].map(([, name = '', rest = '']) => [name, rest.split(/(?<!\\)\|/).map((cell) => cell.trim())]),
  )
}

const config = 'src/generated/config.ts'
const page = 'docs/reference/options.md'

describe('the reference of options', () => {
  it.each([
    ['limits', 'LimitOptions', 1],
    ['timeouts', 'TimeoutOptions', 0],
  ])('has every option of %s with its default', (group, type, column) => {
    const documented = rows(page)
    const options = members(config, type)
    expect(options.length).toBeGreaterThan(5)
    for (const { name, comment } of options) {
      const cells = documented.get(`${group}.${name}`)
      const byDefault = /by default (\d+\w*)/i.exec(comment)?.[1] ?? 'none'
      expect(cells?.[column]?.split(',')[0], `${group}.${name}`).toBe(byDefault)
    }
    const named = [...documented.keys()].filter((name) => name.startsWith(`${group}.`))
    expect(named.sort()).toEqual(options.map(({ name }) => `${group}.${name}`).sort())
  })

  it('has what the limits allow', () => {
    const documented = rows(page)
    for (const { name, comment } of members(config, 'LimitOptions')) {
      const allowed = /From (\w+) to (`?\w+`?)/.exec(comment)
      expect(documented.get(`limits.${name}`)?.[2], name).toBe(`${allowed?.[1]} to ${allowed?.[2]}`)
    }
  })

  it.each(['AppOptions', 'RunOptions'])('has every option of %s', (type) => {
    const documented = rows(page)
    for (const { name } of members(config, type)) expect([...documented.keys()]).toContain(name)
  })

  it('names the variable of each option as the engine does', () => {
    for (const [name, cells] of rows(page)) {
      const variable = `\`ARMATURE_${name
        .split('.')
        .map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase())
        .join('__')}\``
      const last = cells.at(-1)
      if (last !== 'see there' && cells.length > 2) expect(last, name).toBe(variable)
    }
  })

  it('has every option of KeyValueStoreOptions', () => {
    const documented = rows('docs/reference/store.md')
    for (const { name } of members('src/generated/store.ts', 'KeyValueStoreOptions')) {
      expect([...documented.keys()]).toContain(name)
    }
  })

  it.each([
    ['LoggerOptions', 'logger'],
    ['LogFileOptions', 'logger'],
    ['RedactOptions', 'logger'],
    ['CorsOptions', 'cors'],
    ['RequestIdOptions', 'request-id'],
    ['RateLimitOptions', 'rate-limit'],
    ['RedisOptions', 'rate-limit'],
    ['CacheOptions', 'cache'],
    ['DiskOptions', 'cache'],
  ])('has every option of %s', (type, layer) => {
    const documented = rows(`docs/reference/layers/${layer}.md`)
    for (const { name } of members(type === 'LogFileOptions' ? config : 'src/generated/layers.ts', type)) {
      expect([...documented.keys()]).toContain(name)
    }
  })
})
