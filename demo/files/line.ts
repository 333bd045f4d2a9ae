/** One line of the tree. */
import type { Transfer } from '../../src/index.ts'
import { act, button, h, offer, type Row, sizeOf } from '../parts/dom.ts'
import { draggable, dropsInto } from './drag.ts'
import type { Selection } from './selection.ts'
import type { Line } from './tree.ts'

export interface Tools extends Pick<Selection, 'keep'> {
  open(id: string): Promise<void>
  rename(id: string, name: string): Promise<void>
  move(id: string, parent: string): Promise<void>
  remove(id: string): Promise<void>
  upload(files: readonly File[], parent: string): Promise<void>
  fold(id: string): void
  /** Where it can be moved to. */
  beside(id: string): readonly { readonly value: string; readonly text: string }[]
  /** Called when the actions of a line are opened: those of the last one are to be closed. */
  opened(close: () => void): void
  /** What is on its way of it. */
  moving(id: string): Transfer | undefined
}

export function lineRow({ id, folder }: Line, tools: Tools): Row<Line> {
  let now: Line | undefined
  const name = button('', () => (folder ? tools.fold(id) : tools.open(id)), {
    className: folder ? 'name fold' : 'name',
  })
  const dot = h('span', { className: 'dot', role: 'img' })
  const size = h('span', { className: 'amount' })
  const keep = h('input', { type: 'checkbox', hidden: !folder })
  keep.onchange = async () => {
    const wanted = keep.checked
    if (!(await act(() => tools.keep(id, wanted)))) keep.checked = !wanted
  }
  const bar = h('progress')
  const far = h('span', { className: 'amount' })
  const why = h('p', { className: 'quiet' })
  const transfer = h('div', { className: 'transfer' }, h('div', { className: 'line' }, bar, far), why)

  const into = h('select', { label: 'Move to' })
  into.onchange = () =>
    act(async () => {
      await tools.move(id, into.value)
      toggle(false)
    })
  const rename = h('input', { label: 'New name', required: true })
  const form = h('form', {}, rename, h('button', { textContent: 'Rename' }))
  form.onsubmit = event => {
    event.preventDefault()
    void act(async () => {
      await tools.rename(id, rename.value)
      toggle(false)
    })
  }
  const actions = h(
    'div',
    { className: 'buttons actions', hidden: true },
    !folder && button('Open', () => tools.open(id)),
    form,
    h('label', { className: 'quiet' }, 'in ', into),
    button('Delete', () => tools.remove(id)),
  )
  const more = button('⋯', () => toggle(actions.hidden === true), { className: 'quiet' })
  actions.onkeydown = ({ key }) => {
    if (key !== 'Escape') return
    toggle(false)
    more.focus()
  }

  function toggle(open: boolean): void {
    if (open) tools.opened(() => toggle(false))
    actions.hidden = !open
    more.ariaExpanded = String(open)
    if (!open || now === undefined) return
    rename.value = now.name
    offer(into, tools.beside(id))
    into.value = now.parent
  }

  const line = h('div', { className: 'line' }, keep, dot, name, size, more)
  const element = h('li', {}, line, transfer, actions)
  element.dataset.id = id
  draggable(line, id)
  if (folder) dropsInto(element, id, tools)
  toggle(false)

  return {
    element,
    show(shown) {
      now = shown
      name.textContent = shown.name
      for (const one of [name, more]) one.disabled = !shown.here
      dot.hidden = !shown.here
      if (folder) name.ariaExpanded = String(!shown.folded)
      more.ariaLabel = `More about ${shown.name}`
      keep.ariaLabel = `Keep ${shown.name} on this device`
      keep.title = 'Keep this folder on this device'
      keep.checked = !shown.left
      element.classList.toggle('left', shown.left)
      element.ariaLevel = String(shown.depth + 1)
      element.style.setProperty('--depth', String(shown.depth))
      size.textContent = shown.size === undefined ? (shown.left ? 'not kept here' : '') : sizeOf(shown.size)
      progress(tools.moving(id))
    },
  }

  function progress(moving: Transfer | undefined): void {
    transfer.hidden = moving === undefined
    if (moving === undefined) return
    const { direction, done, size: total, failure } = moving
    bar.ariaLabel = direction === 'up' ? 'Uploading' : 'Downloading'
    bar.max = total ?? 1
    if (total === undefined) bar.removeAttribute('value')
    else bar.value = done
    far.textContent = `${direction === 'up' ? '↑' : '↓'} ${sizeOf(done)}${total === undefined ? '' : ` of ${sizeOf(total)}`}`
    why.textContent = failure?.message ?? ''
  }
}
