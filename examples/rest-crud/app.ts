import { App, HttpError, HttpResponse, scope } from '@armature/core'
import { NoteStore, parseNote } from './notes.js'

/** The application without a socket: `server.ts` runs it, tests call it. */
export function createApp(store = new NoteStore()) {
  return App.new({ limits: { body: '64kb' } })
    .data(store)
    .service(
      scope('/api/notes')
        .get('/', (req) => req.data(NoteStore).list(req.queryParam('search')))
        .post('/', async (req) => {
          const note = req.data(NoteStore).add(parseNote(await req.json()))
          return HttpResponse.created(note, { location: `/api/notes/${note.id}` })
        })
        .get('/:id', (req) => req.data(NoteStore).get(req.param('id')) ?? missing(req.param('id')))
        .put('/:id', async (req) => {
          const note = parseNote(await req.json())
          return req.data(NoteStore).replace(req.param('id'), note) ?? missing(req.param('id'))
        })
        .delete('/:id', (req) => {
          if (!req.data(NoteStore).remove(req.param('id'))) missing(req.param('id'))
          return HttpResponse.noContent()
        }),
    )
}

function missing(id: string): never {
  throw HttpError.notFound(`no note ${id}`)
}
