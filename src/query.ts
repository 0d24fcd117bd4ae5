import { typeError } from './errors.js'
import { urlEncoded } from './forms.js'

/**
 * The query of a request: a `URLSearchParams` that cannot be changed. To build another URL, copy it with
 * `new URLSearchParams(req.query)`.
 */
export class Query extends URLSearchParams {
  /** @internal `search`: without the `?` that separates it from the path. */
  constructor(search: string) {
    super(urlEncoded(search))
  }

  /** Throws a TypeError, `ARMATURE_READ_ONLY`. */
  override append(_name: string, _value: string): never {
    throw readOnly()
  }

  /** Throws a TypeError, `ARMATURE_READ_ONLY`. */
  override delete(_name: string, _value?: string): never {
    throw readOnly()
  }

  /** Throws a TypeError, `ARMATURE_READ_ONLY`. */
  override set(_name: string, _value: string): never {
    throw readOnly()
  }

  /** Throws a TypeError, `ARMATURE_READ_ONLY`. */
  override sort(): never {
    throw readOnly()
  }

  /** An object by name; a name that comes several times has a list. */
  toJSON(): Record<string, string | string[]> {
    const json: Record<string, string | string[]> = Object.create(null)
    for (const [name, value] of this) {
      const before = json[name]
      if (before === undefined) json[name] = value
      else if (typeof before === 'string') json[name] = [before, value]
      else before.push(value)
    }
    return json
  }
}

function readOnly(): TypeError {
  return typeError('ARMATURE_READ_ONLY', { what: 'req.query' })
}
