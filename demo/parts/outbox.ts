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
  let all: readonly Pending[] = []
  const giveUp = button('Give all up', async () => {
    // The newest first: a folder comes back before what was in it.
    for (const { change } of all.toReversed()) await outbox.discard(change)
  })
  const { element, show } = panel<Pending>(
    'Outbox',
    'Everything here is on the server.',
    ({ change }) => change,
    ({ change }) => {
      const what = h('strong')
      const how = h('span', { className: 'quiet' })
      const again = button('Send again', () => outbox.retry(change))
      const discard = button('×', () => outbox.discard(change), { className: 'quiet' })
      return {
        element: h('li', {}, h('div', { className: 'line' }, what, how, again, discard)),
        show(pending) {
          const { state, at, tries, reason } = pending
          what.textContent = titleOf(pending)
          const often = tries > 1 ? `, ${tries} tries` : ''
          how.textContent = `${said[state]}${often}${reason ? `: ${reason.message}` : ''} · ${clock(at)}`
          again.hidden = state !== 'held'
          discard.hidden = state === 'sent' || state === 'asked'
          discard.title = 'Give this change up: the inbox keeps it'
          discard.ariaLabel = `Give up ${what.textContent}`
        },
      }
    },
    giveUp,
  )
  outbox.live().subscribe(changes => {
    all = changes
    giveUp.hidden = changes.length < 2
    show(changes, changes.length === 0 ? '' : String(changes.length))
  })
  return element
}
