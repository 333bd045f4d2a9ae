/** What the remotes do not have yet, and why. */
import type { Outbox, Pending } from '../../src/index.ts'
import { button, clock, h } from './dom.ts'
import { panel } from './panel.ts'

const said: Record<Pending['state'], string> = {
  waiting: 'waits to be sent',
  sent: 'was sent, no answer yet',
  asked: 'waits for your decision',
  held: 'was refused',
}

export function outboxPanel(outbox: Outbox, titleOf: (change: Pending) => string): HTMLElement {
  const { element, show } = panel<Pending>(
    'Outbox',
    'Everything here is on the server.',
    ({ change }) => change,
    ({ change }) => {
      const what = h('strong')
      const how = h('span', { className: 'quiet' })
      const buttons = h(
        'div',
        { className: 'buttons' },
        button('Send again', () => outbox.retry(change)),
        button('Give it up', () => outbox.discard(change)),
      )
      return {
        element: h('li', {}, h('div', { className: 'line wraps' }, what, how), buttons),
        show(pending) {
          const { state, at, tries, reason } = pending
          what.textContent = titleOf(pending)
          const again = tries > 1 ? `, ${tries} tries` : ''
          how.textContent = `${said[state]}${again}${reason ? `: ${reason.message}` : ''} · ${clock(at)}`
          buttons.hidden = state !== 'held'
        },
      }
    },
  )
  outbox.live().subscribe(changes => show(changes, changes.length === 0 ? '' : String(changes.length)))
  return element
}
