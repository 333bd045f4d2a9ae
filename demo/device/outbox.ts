import type { Pending } from '../../src/index.ts'
import { byId, clock, h, keyed } from '../dom.ts'
import type { PlaygroundDb } from './notes.ts'

const said: Record<Pending['state'], string> = {
  waiting: 'waits to be sent',
  sent: 'was sent, no answer yet',
  asked: 'waits for your decision',
  held: 'was refused',
}

export function showOutbox({ outbox }: PlaygroundDb): void {
  const rows = keyed<Pending>(
    byId('outbox'),
    ({ change }) => change,
    () => {
      const what = h('strong')
      const how = h('span', { className: 'quiet' })
      return {
        element: h('li', { className: 'line' }, what, how),
        show({ value, state, at, tries, reason }) {
          what.textContent = value === null ? 'a deletion' : String(value.title || 'Untitled')
          const again = tries > 1 ? `, ${tries} tries` : ''
          how.textContent = `${said[state]}${again}${reason ? `: ${reason.message}` : ''} · ${clock(at)}`
        },
      }
    },
  )

  outbox.live().subscribe(changes => {
    rows(changes)
    byId('no-outbox').hidden = changes.length > 0
    byId('outbox-count').textContent = changes.length === 0 ? '' : String(changes.length)
  })
}
