/** How far a device is with one remote, in a line. */
import type { Phase, RemoteHandle, Status } from '../../src/index.ts'
import { button, clock, h } from './dom.ts'

const said: Record<Phase, string> = {
  synced: 'synced',
  syncing: 'syncing…',
  waiting: 'offline',
  'needs-auth': 'needs a token',
  'needs-user': 'needs you',
  paused: 'paused',
}

export function statusLine(remote: RemoteHandle, name?: string): HTMLElement {
  const chip = h('span', { className: 'chip' })
  const counts = h('span', { className: 'quiet' })
  const reason = h('p', { className: 'quiet reason', role: 'status' })
  const allow = button('Let them be deleted', () => remote.allowDeletes(), { hidden: true })
  const again = button('Look again', () => remote.resume(), { hidden: true, title: 'When they were restored' })
  const pause = button('Pause', () => (pause.textContent === 'Pause' ? remote.pause() : remote.resume()))
  const title = name === undefined ? undefined : h('strong', { textContent: name })

  remote.status.subscribe(status => {
    const { phase, brake } = status
    chip.textContent = said[phase]
    chip.dataset.phase = phase
    counts.textContent = countsOf(status)
    for (const one of [allow, again]) one.hidden = brake === undefined
    pause.textContent = phase === 'paused' ? 'Resume' : 'Pause'
    if (name !== undefined) pause.ariaLabel = `${pause.textContent} ${name}`
    const why = whyOf(status)
    if (reason.textContent !== why) reason.textContent = why // said again only when it is something else
  })
  const line = h('div', { className: 'line wraps' }, title, chip, counts, allow, again, pause)
  return h('div', { className: 'status' }, line, reason)
}

function countsOf({ pending, asked, held, walking, walk }: Status): string {
  const far = walk && walk.known > 0 ? `, ${walk.seen} of about ${walk.known}` : walk && `, ${walk.seen} so far`
  const parts = [
    walking && `reading everything${far ?? ''}`,
    pending > 0 && `${pending} to send`,
    asked > 0 && `${asked} to decide`,
    held > 0 && `${held} refused`,
  ]
  return parts.filter(Boolean).join(' · ')
}

function whyOf({ phase, reason, nextTry, missesDeletes, notices }: Status): string {
  const parts = [
    phase !== 'synced' && reason?.message,
    phase !== 'synced' && nextTry !== undefined && `Next try ${clock(nextTry)}.`,
    missesDeletes && 'What was deleted there may still be here.',
    ...notices.map(({ message }) => message),
  ]
  return parts.filter(Boolean).join(' ')
}
