// The tables and pictures of docs/design/hot-path.md, made of profiles.
import { markdown, number } from '../../benchmark/lib/table.mjs'
import { largest, rooms } from './profile.mjs'

/** The way of a request with sockets. A step consists of rooms; the first step that fits a room has it. */
const served = [
  {
    title: 'look for events, wake the task',
    where: 'io_loop/{reactor,executor,bell}.rs, mio',
    calls: ['epoll_wait'],
    rooms: /^(core\/io_loop\/(reactor|executor|bell)|mio|slab|std\/task|libc\/.*epoll)/,
  },
  {
    title: 'turn of the loop: timers, clock',
    where: 'io_loop/',
    rooms: /^(core\/io_loop|std\/(sys\/pal\/unix\/time|time)|libc\/.*clock)/,
  },
  {
    title: 'socket, both ways',
    where: 'listener/',
    calls: ['recv', 'send', 'writev'],
    rooms: /^(core\/listener|socket2|libc\/.*(recv|send|writev))/,
  },
  {
    title: 'bytes to Request',
    where: 'protocol/h1/{head,grammar,framing}.rs, memchr',
    rooms: /^(core\/protocol\/h1\/(head|grammar|framing)|core\/http\/head|memchr|std\/str)/,
  },
  {
    title: 'state of the connection',
    where: 'protocol/h1/{connection,receive,work}.rs',
    rooms: /^core\/protocol\/h1\/(?!answer|encode|output|linger)/,
  },
  { title: 'find the route, decode params', where: 'router/, matchit', rooms: /^(core\/router|matchit)/ },
  {
    title: 'limits, guard, dispatch',
    where: 'server/',
    calls: ['accept4', 'close', 'epoll_ctl'],
    rooms: /^core\/(server|metrics|lib\.rs)/,
  },
  {
    title: 'request, response, their headers',
    where: 'http/, pipeline/, handler/',
    rooms: /^(core\/(http|pipeline|handler|layer)|http$|bytes)/,
  },
  { title: 'the handler', where: 'benchmark/instructions', rooms: /^(driver|std\/(fmt|string))/ },
  {
    title: 'Response to bytes',
    where: 'protocol/h1/{answer,encode,output}.rs',
    rooms: /^core\/protocol\//,
  },
  // Not steps, but a part of each of them.
  { title: 'allocating, freeing', where: 'the C library', everywhere: true, rooms: /^libc\/malloc/ },
  { title: 'copying, comparing', where: 'the C library', everywhere: true, rooms: /^libc\/.*mem/ },
  {
    title: 'growing vectors, dropping values',
    where: 'the standard library',
    everywhere: true,
    rooms: /^std\//,
  },
]

/** The way of a request through the bridge: functions of the driver, which are not inlined. */
const bridged = [
  ['take a slot', 'slots.rs', /record::enter$/],
  ['encode the record into the lane', 'record.rs, lane.rs', /record::push$/],
  ['copy it to JavaScript, find the lane empty', 'lane.rs', /record::drain$/],
  ['split the commands by loop, send', 'command.rs, mailbox.rs', /record::hand_over$/],
  ['read the command, end the slot', 'command.rs, slots.rs', /record::complete$/],
  ['wait for the next batch', 'mailbox.rs', /record::idle$/],
]

/** Rows `{ title, where, instructions, systemCalls, everywhere }` of a profile; what no step has comes last. */
export function steps(scenario, profile) {
  const rows = scenario === 'record' ? bridgedSteps(profile) : servedSteps(profile)
  const rest = profile.instructions - rows.reduce((sum, row) => sum + row.instructions, 0)
  if (rest < 1) return rows
  return [
    ...rows,
    { title: 'what is left', where: '', instructions: rest, systemCalls: [], everywhere: true },
  ]
}

function bridgedSteps({ functions }) {
  return bridged.map(([title, where, pattern]) => {
    const found = [...functions].filter(([name]) => pattern.test(name))
    const instructions = found.reduce((sum, [, costs]) => sum + costs.inclusive, 0)
    return { title, where, instructions, systemCalls: [] }
  })
}

function servedSteps({ files, systemCalls }) {
  const rows = served.map(({ title, where, calls = [], everywhere }) => {
    const made = calls.map((name) => [name, systemCalls.get(name) ?? 0]).filter(([, count]) => count >= 0.05)
    return { title, where, instructions: 0, systemCalls: made, everywhere }
  })
  for (const [name, cost] of rooms(files)) {
    const index = served.findIndex((step) => step.rooms.test(name))
    if (index >= 0) rows[index].instructions += cost
  }
  return rows
}

const whole = (value) => number(Math.round(value), 0)
const share = (value, all) => `${((value / all) * 100).toFixed(1)} %`
const times = ([name, count]) => (Math.abs(count - 1) < 0.05 ? name : `${name} x ${number(count, 1)}`)

/** The steps below each other, as the request takes them, then what is a part of all of them. */
export function picture(rows) {
  const width = Math.max(...rows.map((row) => row.title.length))
  const line = (row) => {
    const calls = row.systemCalls.map(times).join(', ')
    const place = [row.where, calls && `[${calls}]`].filter(Boolean).join('  ')
    const mark = row.everywhere ? ' ' : '|'
    return `${whole(row.instructions).padStart(12)}  ${mark}  ${row.title.padEnd(width)}  ${place}`.trimEnd()
  }
  const way = rows.filter((row) => !row.everywhere)
  const parts = rows.filter((row) => row.everywhere)
  const sum = rows.reduce((all, row) => all + row.instructions, 0)
  return [
    '```',
    'instructions  request  [system calls]',
    ...way.flatMap((row) => [line(row), `${' '.repeat(14)}v`]),
    `${' '.repeat(12)}answer`,
    ...(parts.length > 0 ? ['', `${' '.repeat(12)}on all of this way`, ...parts.map(line)] : []),
    '',
    `${whole(sum).padStart(12)}  in all`,
    '```',
  ].join('\n')
}

/** Functions by what they spend themselves. What was inlined into a function is a part of it. */
export function functionsTable({ functions, instructions }, rows = 20) {
  const table = largest(functions, 1, (costs) => costs.self)
    .slice(0, rows)
    .map(([name, { self, inclusive, calls }]) => [
      `\`${name.replaceAll('|', '\\|')}\``,
      whole(self),
      share(self, instructions),
      whole(inclusive),
      number(calls, 1),
    ])
  return markdown([['function', 'itself', 'share', 'with what it calls', 'calls'], ...table])
}

/** Rooms by what was spent on their lines, wherever these were inlined. */
export function roomsTable({ files, instructions }, rows = 25) {
  const table = largest(rooms(files), 1).slice(0, rows)
  return markdown([
    ['file', 'instructions', 'share'],
    ...table.map(([name, cost]) => [`\`${name}\``, whole(cost), share(cost, instructions)]),
  ])
}

/** The figures that are not instructions, in one sentence. */
export function aside({ allocations, calls, clock, systemCalls }) {
  const names = largest(systemCalls, 0.05).map(times).join(', ')
  return `${number(calls, 1)} system calls${names && ` (${names})`}, ${number(allocations, 1)} allocations; the clock is read ${number(clock, 1)} times.`
}

/** All of a profile, as Markdown. */
export const chapter = (scenario, profile) =>
  [
    picture(steps(scenario, profile)),
    aside(profile),
    functionsTable(profile, 15),
    ...(scenario === 'record' ? [] : [roomsTable(profile)]),
  ].join('\n\n')

/** `document` with `content` between its markers for `scenario`; an error when it lacks them. */
export function insert(document, scenario, content) {
  const [begin, end] = [`<!-- ${scenario} -->`, `<!-- /${scenario} -->`]
  const [from, to] = [document.indexOf(begin), document.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`no ${begin} ... ${end} in the document`)
  return `${document.slice(0, from + begin.length)}\n${content}\n${document.slice(to)}`
}
