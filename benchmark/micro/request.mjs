// What the JavaScript thread does for one request: take the record, find and call the handler, encode the answer; and
// what reading the request adds.
import { App, HttpResponse } from '@armature/core'
import { report } from './measure.mjs'
import { replay } from './replay.mjs'

const handlers = {
  'dispatch: record to handler to command': [() => 'hello', 'hello'],
  'dispatch, reading a parameter and a header': [
    (req) => (req.header('accept-language') === 'en-US,en;q=0.5' ? req.param('id') : 'wrong'),
    '\r\n\r\n42',
  ],
  'dispatch, reading a parameter and answering JSON': [
    (req) => HttpResponse.json({ id: req.param('id'), name: 'Alice' }),
    '{"id":"42","name":"Alice"}',
  ],
}

for (const [name, [handler, expected]] of Object.entries(handlers)) {
  const { run, close } = await replay(App.new().get('/users/:id', handler), expected)
  await report({ [name]: run })
  await close()
}
