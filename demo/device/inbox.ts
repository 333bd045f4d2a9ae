import type { InboxEntry, Value } from '../../src/index.ts'
import { byId, clock, h, keyed, type Row } from '../dom.ts'
import type { PlaygroundDb } from './notes.ts'

export function showInbox({ conflicts }: PlaygroundDb): void {
  const rows = keyed<InboxEntry>(byId('inbox'), ({ id }) => id, makeRow)

  conflicts.live().subscribe(entries => {
    rows(entries)
    const open = entries.filter(({ state }) => state === 'open').length
    byId('no-inbox').hidden = entries.length > 0
    byId('inbox-count').textContent = open === 0 ? '' : `${open} to decide`
  })

  function makeRow({ id }: InboxEntry): Row<InboxEntry> {
    const what = h('strong')
    const how = h('span', { className: 'quiet' })
    const mine = h('dd')
    const theirs = h('dd')
    const buttons = h('div', { className: 'buttons' })
    const sides = h('dl', {}, h('dt', { textContent: 'here' }), mine, h('dt', { textContent: 'server' }), theirs)
    return {
      element: h('li', {}, h('div', { className: 'line' }, what, how), sides, buttons),
      show(entry) {
        what.textContent = titleOf(entry)
        how.textContent = `${outcome(entry)} · ${clock(entry.at)}`
        mine.textContent = said(entry.local.value, entry.base?.value)
        theirs.textContent = said(entry.theirs.value, entry.base?.value)
        buttons.replaceChildren(...choices(id, entry))
      },
    }
  }

  function choices(id: string, { state, local, theirs, loses, copy }: InboxEntry): HTMLElement[] {
    const button = (textContent: string, act: () => Promise<void>) =>
      h('button', { type: 'button', textContent, onclick: () => void act().catch(error => alert(error.message)) })
    if (state === 'open') {
      const both = local.value !== null && theirs.value !== null
      return [
        button('Keep what is here', () => conflicts.resolve(id, { take: 'local' })),
        button('Take the server’s', () => conflicts.resolve(id, { take: 'remote' })),
        ...(both ? [button('Keep both', () => conflicts.resolve(id, { take: 'both' }))] : []),
      ]
    }
    if (state === 'undone') return []
    if (loses !== 'nothing') return [button('Bring back what was dropped', () => conflicts.undo(id))]
    return copy === undefined ? [] : [button('Undo: only what was here stays', () => conflicts.undo(id))]
  }
}

function titleOf({ local, theirs, base }: InboxEntry): string {
  const value = local.value ?? theirs.value ?? base?.value
  return String(value?.title || 'Untitled')
}

function outcome({ state, verdict, loses, by, uncertain }: InboxEntry): string {
  if (state === 'open') return 'both changed it: which one?'
  const who = by === 'app' ? 'you' : 'the strategy'
  const what = {
    local: `${who} took the device’s`,
    remote: `${who} took the server’s`,
    both: `${who} kept both`,
    merged: loses === 'nothing' ? `${who} merged them` : `${who} merged them, some was dropped`,
    ask: 'asked',
  }[verdict.take]
  return `${what}${uncertain ? ' (the clocks were too close to tell)' : ''}${state === 'undone' ? ', undone' : ''}`
}

/** One side in a line: only what it changed. */
function said(value: Value | null, base: Value | null | undefined): string {
  if (value === null) return 'deleted'
  const fields = ['title', 'text'].filter(field => value[field] !== base?.[field])
  return fields.map(field => `${field}: ${JSON.stringify(value[field])}`).join(', ') || 'unchanged'
}
