import type { Live, Phase, Status } from '../../src/index.ts'
import { byId, clock } from '../dom.ts'

export const said: Record<Phase, string> = {
  synced: 'synced',
  syncing: 'syncing…',
  waiting: 'offline',
  'needs-auth': 'needs a token',
  'needs-user': 'needs you',
  paused: 'paused',
}

export function showStatus(status: Live<Status>): void {
  status.subscribe(({ phase, reason, nextTry, pending, asked, held }) => {
    const chip = byId('phase')
    chip.textContent = said[phase]
    chip.dataset.phase = phase
    const parts = [
      reason?.message,
      nextTry !== undefined && `next try ${clock(nextTry)}`,
      pending > 0 && `${pending} to send`,
      asked > 0 && `${asked} to decide`,
      held > 0 && `${held} refused`,
    ]
    byId('reason').textContent = parts.filter(Boolean).join(' · ')
  })
}
