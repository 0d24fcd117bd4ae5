// From a value to the bytes of the command that carries it to the engine.
import assert from 'node:assert'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { HttpResponse } from '@armature/core'
import { root } from '../../scripts/lib/paths.mjs'
import { document } from '../works.mjs'
import { repeat, report } from './measure.mjs'

const { CommandBuffer } = createRequire(import.meta.url)(join(root, 'dist/bridge/commands.js'))
const commands = new CommandBuffer(() => {})
const target = { slot: 7, generation: 3 }
const CONTENT_TYPE_SET = 1

/** What the dispatcher does with a JSON response. */
function build(value) {
  const response = HttpResponse.json(value)
  const { _status: status, _headers: headers, _body: body } = response
  commands.reset()
  commands.respondText(target, status, 0, CONTENT_TYPE_SET, headers, JSON.stringify(body))
  return commands.length
}

const user = { id: '42', name: 'Alice' }
const large = JSON.parse(document(500))
for (const value of [user, large]) {
  const length = build(value)
  assert(commands.bytes.subarray(0, length).includes(JSON.stringify(value)), 'the command has the document')
}

await report({
  'JSON response, 2 fields': repeat(() => build(user)),
  'JSON response, 500 bytes': repeat(() => build(large)),
  'JSON.stringify alone, 2 fields': repeat(() => JSON.stringify(user)),
  'JSON.stringify alone, 500 bytes': repeat(() => JSON.stringify(large)),
})
