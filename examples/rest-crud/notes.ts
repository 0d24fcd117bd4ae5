import { HttpError } from '@armature/core'

export interface NewNote {
  title: string
  text: string
}

export interface Note extends NewNote {
  id: string
}

/** Where the notes live; a database in a real application. */
export class NoteStore {
  readonly #notes = new Map<string, Note>()
  #next = 1

  list(search = ''): Note[] {
    return [...this.#notes.values()].filter((note) => note.title.includes(search))
  }

  get(id: string): Note | undefined {
    return this.#notes.get(id)
  }

  add(note: NewNote): Note {
    const added = { id: String(this.#next++), ...note }
    this.#notes.set(added.id, added)
    return added
  }

  replace(id: string, note: NewNote): Note | undefined {
    if (!this.#notes.has(id)) return undefined
    const replaced = { id, ...note }
    this.#notes.set(id, replaced)
    return replaced
  }

  remove(id: string): boolean {
    return this.#notes.delete(id)
  }
}

/** What a client sent, as a note; throws the answer for anything else. */
export function parseNote(value: unknown): NewNote {
  if (typeof value === 'object' && value !== null && 'title' in value && typeof value.title === 'string') {
    const text = 'text' in value && typeof value.text === 'string' ? value.text : ''
    return { title: value.title, text }
  }
  throw new HttpError(422, 'a note has a title', { code: 'note_invalid' })
}
