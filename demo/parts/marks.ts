/** A dot beside each record says what the server does not have yet, and what waits for an answer. */
import type { Inbox, Outbox } from '../../src/index.ts'

const said = {
  synced: 'on the server',
  waiting: 'waits to be sent',
  held: 'was refused',
  asked: 'waits for your decision',
}

/** Marks the elements of a list that carry `data-id`; the function it returns does so again. */
export function marks(list: HTMLElement, outbox: Outbox, conflicts: Inbox): () => void {
  let waiting: ReadonlyMap<string, 'waiting' | 'held'> = new Map()
  let asked: ReadonlySet<string> = new Set()

  outbox.live().subscribe(changes => {
    waiting = new Map(changes.map(({ id, state }) => [id, state === 'held' ? 'held' : 'waiting']))
    mark()
  })
  conflicts.live({ state: 'open' }).subscribe(entries => {
    asked = new Set(entries.map(({ record }) => record))
    mark()
  })

  function mark(): void {
    for (const row of list.querySelectorAll<HTMLElement>('[data-id]')) {
      const id = row.dataset.id ?? ''
      const state = asked.has(id) ? 'asked' : (waiting.get(id) ?? 'synced')
      row.dataset.state = state
      const dot = row.querySelector('.dot')
      dot?.setAttribute('aria-label', said[state])
      dot?.setAttribute('title', said[state])
    }
  }
  return mark
}
