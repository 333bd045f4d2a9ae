/** The readings of the stream. */
import type { Db, Item } from '../../src/index.ts'
import { act, button, h, type Row, setText } from '../parts/dom.ts'
import { marks } from '../parts/marks.ts'
import { panel } from '../parts/panel.ts'
import type { Reading, schemaWith } from './schema.ts'

export type PlantDb = Pick<Db<ReturnType<typeof schemaWith>['collections']>, 'data' | 'outbox' | 'conflicts'>

export function readingsPanel({ data: { readings }, outbox, conflicts }: PlantDb, space: string): HTMLElement {
  const add = button('New reading', () =>
    readings.put(`${space}:reading-${crypto.randomUUID().slice(0, 4)}`, { value: 0, note: '' }),
  )
  const { element, list, show } = panel<Item<Reading>>('Readings', 'No readings yet.', ({ id }) => id, makeRow, add)
  const mark = marks(list, outbox, conflicts)
  readings.live().subscribe(items => {
    show(items)
    mark()
  })
  return element

  function makeRow({ id }: Item<Reading>): Row<Item<Reading>> {
    const name = id.slice(id.indexOf(':') + 1)
    const value = h('input', { type: 'number', step: 'any', label: `Value of ${name}`, className: 'number' })
    const note = h('input', { placeholder: 'Note', label: `Note of ${name}`, className: 'plain' })
    value.oninput = () =>
      Number.isFinite(value.valueAsNumber) && act(() => readings.patch(id, { value: value.valueAsNumber }))
    note.oninput = () => act(() => readings.patch(id, { note: note.value }))
    const remove = button('×', () => readings.delete(id), { className: 'quiet', label: `Delete ${name}` })
    const dot = h('span', { className: 'dot', role: 'img' })
    const element = h(
      'li',
      {},
      h('div', { className: 'line' }, dot, h('span', { className: 'key', textContent: name }), value, note, remove),
    )
    element.dataset.id = id
    return {
      element,
      show({ value: now }) {
        setText(value, String(now.value))
        setText(note, now.note)
      },
    }
  }
}
