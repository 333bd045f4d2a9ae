import type { Db, Item } from '../../src/index.ts'
import { act, button, h, type Row, setText } from '../parts/dom.ts'
import { marks } from '../parts/marks.ts'
import { panel } from '../parts/panel.ts'
import type { Note, schemaWith } from './schema.ts'

type NotesDb = Pick<Db<ReturnType<typeof schemaWith>['collections']>, 'data' | 'outbox' | 'conflicts'>

export function notesPanel({ data: { notes }, outbox, conflicts }: NotesDb): HTMLElement {
  let fresh: string | undefined
  const add = button('New note', async () => {
    fresh = await notes.add({ title: '', text: '', at: Date.now() })
    focusFresh()
  })
  const { element, list, show } = panel<Item<Note>>('Notes', 'No notes yet.', ({ id }) => id, makeRow, add)
  const mark = marks(list, outbox, conflicts)

  notes
    .orderBy('at', 'desc')
    .live()
    .subscribe(items => {
      show(items)
      mark()
      focusFresh()
    })
  return element

  /** It is on the screen as soon as the live query has heard of it. */
  function focusFresh(): void {
    const field = fresh && list.querySelector<HTMLInputElement>(`[data-id="${CSS.escape(fresh)}"] input`)
    if (!field) return
    fresh = undefined
    field.focus()
  }

  function makeRow({ id }: Item<Note>): Row<Item<Note>> {
    const title = h('input', { placeholder: 'Title', label: 'Title', className: 'plain' })
    const text = h('textarea', { placeholder: 'Write something…', rows: 2, label: 'Text', className: 'plain' })
    const remove = button('×', () => notes.delete(id), {
      className: 'quiet',
      title: 'Delete this note',
      label: 'Delete',
    })
    title.oninput = () => act(() => notes.patch(id, { title: title.value }))
    text.oninput = () => act(() => notes.patch(id, { text: text.value }))
    const dot = h('span', { className: 'dot', role: 'img' })
    const element = h('li', {}, h('div', { className: 'line' }, dot, title, remove), text)
    element.dataset.id = id
    return {
      element,
      show({ value }) {
        setText(title, value.title)
        remove.ariaLabel = `Delete ${value.title || 'Untitled'}`
        setText(text, value.text)
      },
    }
  }
}
