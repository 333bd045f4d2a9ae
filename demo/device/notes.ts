import type { Db, Item } from '../../src/index.ts'
import { byId, h, keyed, type Row, setText } from '../dom.ts'
import type { Note, schemaWith } from '../schema.ts'

export type PlaygroundDb = Pick<Db<ReturnType<typeof schemaWith>['collections']>, 'data' | 'outbox' | 'conflicts'>

export function showNotes({ data: { notes }, outbox, conflicts }: PlaygroundDb): void {
  const list = byId('notes')
  const rows = keyed<Item<Note>>(list, ({ id }) => id, makeRow)

  notes
    .orderBy('at', 'desc')
    .live()
    .subscribe(items => {
      rows(items)
      byId('no-notes').hidden = items.length > 0
      mark()
    })

  byId('add').onclick = async () => {
    const id = await notes.add({ title: '', text: '', at: Date.now() })
    // It is on the screen as soon as the live query has heard of it.
    requestAnimationFrame(() => list.querySelector<HTMLInputElement>(`[data-id="${CSS.escape(id)}"] input`)?.focus())
  }

  let waiting: ReadonlySet<string> = new Set()
  let asked: ReadonlySet<string> = new Set()
  outbox.live().subscribe(changes => {
    waiting = new Set(changes.map(({ id }) => id))
    mark()
  })
  conflicts.live({ state: 'open' }).subscribe(entries => {
    asked = new Set(entries.map(({ record }) => record))
    mark()
  })

  /** A dot says what the server does not have yet, or what waits for an answer. */
  function mark(): void {
    for (const row of list.querySelectorAll<HTMLElement>('li')) {
      const id = row.dataset.id ?? ''
      row.dataset.state = asked.has(id) ? 'asked' : waiting.has(id) ? 'waiting' : 'synced'
    }
  }

  function makeRow({ id }: Item<Note>): Row<Item<Note>> {
    const title = h('input', { placeholder: 'Title', label: 'Title' })
    const text = h('textarea', { placeholder: 'Write something…', rows: 2, label: 'Text' })
    const remove = h('button', { type: 'button', textContent: '×', title: 'Delete this note', label: 'Delete' })
    title.oninput = () => notes.patch(id, { title: title.value })
    text.oninput = () => notes.patch(id, { text: text.value })
    remove.onclick = () => notes.delete(id)
    const element = h('li', {}, h('div', { className: 'line' }, h('i', { className: 'dot' }), title, remove), text)
    element.dataset.id = id
    return {
      element,
      show({ value }) {
        setText(title, value.title)
        setText(text, value.text)
      },
    }
  }
}
