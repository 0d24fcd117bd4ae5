// Counts of instructions: what callgrind writes, what one request costs, and what is kept.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readCallgrind } from './lib/callgrind.mjs'
import { compare, countsTable, differences, renewed } from './lib/counts.mjs'
import { aside, chapter, insert, picture, steps } from './lib/hot-path.mjs'
import { kept, scenarios, valgrindMissing } from './lib/instructions.mjs'
import { perRequest, room, rooms } from './lib/profile.mjs'
import { without } from './lib/valgrind-tests.mjs'

/** As callgrind writes it: `served` requests, each reads, allocates twice and looks at the clock; the client reads as well. */
const output = (served) => `# callgrind format
version: 1
creator: callgrind-3.19.0
cmd:  driver param ${served}

positions: line
event: sysTime : sysTime (elapsed us)
events: Ir sysCount sysTime
summary: ${100 + 90 * served} ${2 * served} 0

ob=(1) /usr/lib/libc.so.6
fl=(1) ./malloc/./malloc/malloc.c
fn=(1) malloc
10 ${20 * served}

fl=(2) ./time/../sysdeps/unix/sysv/linux/clock_gettime.c
fn=(2) clock_gettime@@GLIBC_2.17
+5 ${4 * served} ${served} 9

fn=(3) recv
* ${6 * served} ${2 * served} 9

ob=(2) /target/driver
fl=(3) crates/armature-core/src/protocol/h1/receive.rs
fn=(4) consume
1 ${30 * served}
fi=(4) /home/x/.cargo/registry/src/index.crates.io-1/memchr-2.8.3/src/memchr.rs
7 ${10 * served}
fi=(5) /rustc/0/library/core/src/slice/mod.rs
9 ${5 * served}
fe=(3)
2 ${5 * served}
cob=(1)
cfi=(1)
cfn=(1)
calls=${2 * served} 10
3 ${20 * served}
cfn=(4)
calls=${served} 1
4 ${50 * served}

fl=(6) crates/armature-core/src/io_loop/host.rs
fn=(5) turn
1 ${10 * served + 100}
cfi=(3)
cfn=(4)
calls=${served} 1
2 ${70 * served}
cfn=(2)
calls=${served} 5
2 ${4 * served} ${served} 9
cfn=(3)
calls=${served} 5
2 ${6 * served} ${served} 9

fn=(6) client
cfn=(3)
calls=${served} 5
2 0 ${served} 9

totals: ${100 + 90 * served} ${2 * served} 0
`
const functions = (served) => readCallgrind(output(served)).functions
const profile = perRequest(functions(10), functions(20), 10)

describe('callgrind', () => {
  test('costs of functions, their files and callers; a call of itself is counted once', () => {
    const read = readCallgrind(output(1))
    expect(read.events).toEqual(['Ir', 'sysCount', 'sysTime'])
    expect(read.functions.get('turn')).toMatchObject({
      file: 'crates/armature-core/src/io_loop/host.rs',
      object: '/target/driver',
      self: [110, 0, 0],
      inclusive: [190, 2, 18],
    })
    const consume = read.functions.get('consume')
    expect(consume).toMatchObject({ self: [50, 0, 0], inclusive: [70, 0, 0] })
    expect(consume.callers.get('turn')).toEqual({ calls: 1, cost: [70, 0, 0] })
    // The standard library counts for the file before it.
    expect([...consume.files.values()].map((cost) => cost[0])).toEqual([35, 15])
  })
  test('what is not its format is an error', () => {
    expect(() => readCallgrind('valgrind: no such tool\n')).toThrow(/no events/)
  })
})

describe('profile', () => {
  test('what happens once costs nothing, and what the client does neither', () => {
    expect(profile).toMatchObject({ instructions: 90, allocations: 2, calls: 1, clock: 1 })
    expect([...profile.systemCalls]).toEqual([['recv', 1]])
    expect(profile.functions.get('consume')).toEqual({ self: 50, inclusive: 70, calls: 2 })
    expect(profile.functions.get('turn')).toMatchObject({ self: 10 })
    expect(aside(profile)).toBe('1.0 system calls (recv), 2.0 allocations; the clock is read 1.0 times.')
  })
  test('rooms', () => {
    expect(room('/x/crates/armature-bridge/src/lane.rs')).toBe('bridge/lane.rs')
    expect(room('/x/registry/src/index.crates.io-1/socket2-0.6.5/src/sys/unix.rs')).toBe('socket2')
    expect(room('/rustc/0/library/core/src/fmt/mod.rs')).toBe('std/fmt/mod.rs')
    expect(room('benchmark/instructions/src/served.rs')).toBe('driver')
    expect(rooms(profile.files).get('memchr')).toBe(15)
  })
  test('steps have every instruction once, in the order of the request', () => {
    const rows = steps('param', profile)
    expect(rows.reduce((sum, row) => sum + row.instructions, 0)).toBeCloseTo(90)
    expect(rows.find((row) => row.title === 'state of the connection').instructions).toBe(35)
    expect(rows.find((row) => row.title === 'socket, both ways').systemCalls).toEqual([['recv', 1]])
    expect(rows.at(-1)).toMatchObject({ title: 'growing vectors, dropping values', instructions: 0 })
    expect(picture(rows)).toMatch(/^```[\s\S]* 35 {2}\| {2}state of the connection[\s\S]* 90 {2}in all\n```$/)
    const enter = { self: 5, inclusive: 8, calls: 1 }
    const bridged = { ...profile, functions: new Map([['a::record::enter', enter]]) }
    expect(steps('record', bridged)[0]).toMatchObject({ title: 'take a slot', instructions: 8 })
    expect(steps('record', bridged).at(-1)).toMatchObject({ title: 'what is left', instructions: 82 })
  })
  test('a chapter replaces what is between its markers', () => {
    const text = 'a\n<!-- param -->\nold\n<!-- /param -->\nb\n'
    const written = insert(text, 'param', chapter('param', profile))
    expect(written).toMatch(/^a\n<!-- param -->\n```[\s\S]*`consume`[\s\S]*\n<!-- \/param -->\nb\n$/)
    expect(written).not.toMatch('old')
    expect(() => insert(text, 'record', '')).toThrow('<!-- record -->')
  })
})

describe('kept counts', () => {
  const count = { instructions: 1000, calls: 3, allocations: 9 }
  const problems = (now) =>
    compare({ param: { ...count, ...now } }, { param: count }).flatMap((row) => row.problem ?? [])
  test('a little more or less is none', () => {
    expect(problems({ instructions: 1029 })).toEqual([])
    expect(problems({ instructions: 901, calls: 3.01 })).toEqual([])
  })
  test('a regression fails: instructions, a system call, an allocation', () => {
    expect(problems({ instructions: 1031 })).toEqual([
      expect.stringMatching(/^param: instructions went from 1,000 to 1,031; .*--profile param/),
    ])
    expect(problems({ calls: 4 })).toEqual([expect.stringMatching(/system calls went from 3 to 4/)])
    expect(problems({ allocations: 10 })).toEqual([expect.stringMatching(/allocations went from 9 to 10/)])
    const none = compare({ record: { ...count, calls: 1 } }, { record: { ...count, calls: 0 } })
    expect(none.find((row) => row.figure === 'calls').problem).toMatch(/from 0 to 1/)
  })
  test('so does what is much better, and what is not kept at all: to be written down', () => {
    expect(problems({ instructions: 899 })).toEqual([expect.stringMatching(/better\. Keep it: .*--write/)])
    expect(compare({ param: count }, {})[0].problem).toMatch(/nothing is kept/)
  })
  test('another environment is told apart', () => {
    const here = { rustc: '1.95.0', target: 'x86_64-unknown-linux-gnu' }
    expect(differences(here, here)).toEqual([])
    expect(differences(here, { ...here, rustc: '1.96.0' })).toEqual(['rustc 1.96.0, kept with 1.95.0'])
    expect(renewed({ environment: here, perRequest: { a: count } }, here, { b: count }).perRequest).toEqual({
      a: count,
      b: count,
    })
    const newer = { ...here, rustc: '1.96.0' }
    expect(
      Object.keys(renewed({ environment: here, perRequest: { a: count } }, newer, { b: count }).perRequest),
    ).toEqual(['b'])
  })
  test('the table has a line for each scenario', () => {
    const lines = countsTable(compare({ a: { ...count, calls: 0.1875 } }, { a: count })).split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[2].split('|').map((cell) => cell.trim())).toEqual(
      expect.arrayContaining(['1,000', '+0.0 %', '0.19', '-93.8 %']),
    )
  })
  test('every scenario is kept, and the driver has it', () => {
    expect(Object.keys(kept().perRequest).sort()).toEqual([...scenarios].sort())
    const driver = readFileSync('benchmark/instructions/src/main.rs', 'utf8')
    expect(driver).toContain(scenarios.map((name) => `"${name}"`).join(', '))
  })
  test('without valgrind there is a sentence, and in CI a failure', async () => {
    expect(without('x', 'no valgrind', '')).toEqual([
      { name: 'x', passed: 0, failed: 0, problem: 'skipped: no valgrind' },
    ])
    expect(without('x', 'no valgrind', 'true')).toEqual([
      { name: 'x', passed: 0, failed: 1, problem: 'no valgrind' },
    ])
    const nothing = async () => ({ code: 127, output: '' })
    expect(await valgrindMissing(nothing, 'linux')).toMatch(/apt-get install valgrind/)
    expect(await valgrindMissing(nothing, 'darwin')).toMatch(/Linux only/)
    expect(await valgrindMissing(async () => ({ code: 0, output: '' }), 'linux')).toBeUndefined()
  })
})
