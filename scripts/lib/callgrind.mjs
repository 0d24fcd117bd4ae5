// What callgrind writes, read: https://valgrind.org/docs/manual/cl-format.html. Only what it writes without options for
// instructions or jumps: positions are lines, and a name may be given a number and be named by it from then on.

/**
 * Resolves to `{ events, functions }`. `functions` maps a name to `{ file, object, self, inclusive, files, callers }`: costs are
 * arrays in the order of `events`. `files` maps a file to what its lines cost that were inlined into the function; lines of
 * the standard library count for the file before them, whose code they do. `callers` maps the name of a caller to
 * `{ calls, cost }`. What a function spends by calling itself is counted once.
 */
export function readCallgrind(text) {
  const reader = new Reader()
  for (const line of text.split('\n')) reader.line(line)
  if (reader.events.length === 0) throw new Error('no events: this is not what callgrind writes')
  return { events: reader.events, functions: reader.functions }
}

/** The standard library's sources, as Rust's own builds name them. */
const isStandard = (file) => file.startsWith('/rustc/') || file.startsWith('library/')

class Reader {
  events = []
  functions = new Map()
  #names = { object: new Map(), file: new Map(), function: new Map() }
  #object = ''
  #file = ''
  #owner = ''
  #called = undefined
  #current = undefined

  line(line) {
    if (line === '' || line.startsWith('#')) return
    if (/^[-+*\d]/.test(line)) return this.#costs(line)
    const named = /^(\w+)=(.*)$/.exec(line)
    if (named) return this.#name(named[1], named[2])
    const header = /^events: (.*)$/.exec(line)
    if (header) this.events = header[1].trim().split(/\s+/)
  }

  #name(key, value) {
    switch (key) {
      case 'ob':
        this.#object = this.#resolve('object', value)
        return
      case 'fl':
        this.#file = this.#owner = this.#resolve('file', value)
        return
      case 'fi':
      case 'fe':
        this.#inline(this.#resolve('file', value))
        return
      case 'fn':
        // A function begins in its own file, whatever was inlined into the one before.
        this.#owner = this.#file
        this.#current = this.#resolve('function', value)
        this.#describe(this.#function(this.#current))
        return
      case 'cob':
        this.#resolve('object', value)
        return
      case 'cfi':
      case 'cfl':
        this.#resolve('file', value)
        return
      case 'cfn':
        this.#called = { name: this.#resolve('function', value), calls: 0 }
        return
      case 'calls':
        this.#called.calls = Number(value.split(' ')[0])
    }
  }

  #describe(made) {
    made.file ||= this.#file
    made.object ||= this.#object
  }

  #inline(file) {
    if (!isStandard(file)) this.#owner = file
  }

  /** `(3) name` gives a number to a name, `(3)` is that name. */
  #resolve(kind, value) {
    const [, number, name] = /^(?:\((\d+)\))? ?(.*)$/.exec(value)
    if (number === undefined) return name
    if (name !== '') this.#names[kind].set(number, name)
    return this.#names[kind].get(number) ?? ''
  }

  #function(name) {
    const known = this.functions.get(name)
    if (known) return known
    const costs = { self: this.#zero(), inclusive: this.#zero() }
    const made = { file: '', object: '', ...costs, files: new Map(), callers: new Map() }
    this.functions.set(name, made)
    return made
  }

  #zero = () => this.events.map(() => 0)

  /** A line number, then a number for each event; those at the end may be left out when they are 0. */
  #costs(line) {
    const costs = line.split(' ').slice(1).map(Number)
    const called = this.#called
    this.#called = undefined
    const current = this.#function(this.#current)
    if (called === undefined) {
      add(current.self, costs)
      add(current.inclusive, costs)
      if (!current.files.has(this.#owner)) current.files.set(this.#owner, this.#zero())
      add(current.files.get(this.#owner), costs)
      return
    }
    const { callers } = this.#function(called.name)
    const caller = callers.get(this.#current) ?? { calls: 0, cost: this.#zero() }
    callers.set(this.#current, { calls: caller.calls + called.calls, cost: caller.cost })
    add(caller.cost, costs)
    if (called.name !== this.#current) add(current.inclusive, costs)
  }
}

function add(to, costs) {
  for (const [i, cost] of costs.entries()) to[i] += cost
}
