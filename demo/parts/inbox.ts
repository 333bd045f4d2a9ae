/** The inbox of conflicts: both sides, what was decided, and how to have it otherwise. */
import type { Inbox, InboxEntry, Value } from '../../src/index.ts'
import { button, clock, h, type Row } from './dom.ts'
import { panel } from './panel.ts'

/** How an app tells of its records. */
export interface Telling {
  titleOf(entry: InboxEntry): string
  /** One side in a line: what it changed of `base`. */
  sideOf(value: Value, base: Value | null | undefined): string
}

export function inboxPanel(conflicts: Inbox, { titleOf, sideOf }: Telling): HTMLElement {
  const { element, show } = panel<InboxEntry>('Inbox', 'No conflicts.', ({ id }) => id, makeRow)
  conflicts.live().subscribe(entries => {
    const open = entries.filter(({ state }) => state === 'open').length
    show(entries, open === 0 ? '' : `${open} to decide`)
  })
  return element

  function makeRow({ id }: InboxEntry): Row<InboxEntry> {
    const what = h('strong')
    const how = h('span', { className: 'quiet' })
    const mine = h('dd')
    const theirs = h('dd')
    const sides = h('dl', {}, h('dt', { textContent: 'here' }), mine, h('dt', { textContent: 'server' }), theirs)
    const buttons = h('div', { className: 'buttons' })
    return {
      element: h('li', {}, h('div', { className: 'line wraps' }, what, how), sides, buttons),
      show(entry) {
        const side = (value: Value | null) =>
          value === null ? 'deleted' : sideOf(value, entry.base?.value) || 'unchanged'
        what.textContent = titleOf(entry)
        how.textContent = `${outcome(entry)} · ${clock(entry.at)}`
        mine.textContent = side(entry.local.value)
        theirs.textContent = side(entry.theirs.value)
        buttons.replaceChildren(...choices(id, entry))
      },
    }
  }

  function choices(id: string, { state, local, theirs, loses, copy }: InboxEntry): HTMLElement[] {
    if (state === 'open') {
      const both = local.value !== null && theirs.value !== null
      return [
        button('Keep what is here', () => conflicts.resolve(id, { take: 'local' }, theirs.version)),
        button('Take the server’s', () => conflicts.resolve(id, { take: 'remote' }, theirs.version)),
        ...(both ? [button('Keep both', () => conflicts.resolve(id, { take: 'both' }, theirs.version))] : []),
      ]
    }
    if (state === 'undone') return []
    if (loses !== 'nothing') return [button('Bring back what was dropped', () => conflicts.undo(id))]
    return copy === undefined ? [] : [button('Undo: only what was here stays', () => conflicts.undo(id))]
  }
}

function outcome({ state, verdict, loses, by, uncertain }: InboxEntry): string {
  if (state === 'open') return 'both changed it: which one?'
  const who = by === 'app' ? 'you' : by === 'strategy' ? 'the strategy' : `the ${by === 'tree' ? 'tree' : 'server'}`
  const what = {
    local: `${who} took the device’s`,
    remote: `${who} took the server’s`,
    both: `${who} kept both`,
    merged: loses === 'nothing' ? `${who} merged them` : `${who} merged them, some was dropped`,
    ask: 'asked',
  }[verdict.take]
  return `${what}${uncertain ? ' (the clocks were too close to tell)' : ''}${state === 'undone' ? ', undone' : ''}`
}

/** The fields of a record that differ from what both began with. */
export function changed(value: Value, base: Value | null | undefined): string {
  return Object.keys(value)
    .filter(field => JSON.stringify(value[field]) !== JSON.stringify(base?.[field]))
    .map(field => `${field}: ${JSON.stringify(value[field])}`)
    .join(', ')
}
