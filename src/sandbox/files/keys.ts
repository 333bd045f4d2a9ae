import { deviceKey } from './access.ts'
import type { Desk } from './effects.ts'
import { refusal } from './refusals.ts'
import { type Change, mint, type Outcome } from './state.ts'
import type { Unkeyed } from './wire.ts'

type Sender = Omit<Desk, 'change'>

export function keyOf(batch: Sender, unkeyed: Unkeyed) {
  if (unkeyed.version_id === null) {
    return { change: { ...unkeyed, version_id: mint(batch.state, 'ver') }, key: null, replay: undefined }
  }
  const change: Change = { ...unkeyed, version_id: unkeyed.version_id }
  const key = `${batch.share_id}/${deviceKey(batch.user, batch.device_id)}/${change.version_id}`
  return { change, key, replay: replayOf(batch, change, key) }
}

/** The same key with the same change is answered from memory; with another change, or already a version, it is refused. */
export function replayOf({ state }: Sender, change: Change, key: string): Outcome | undefined {
  const stored = state.outcomes.get(key)
  if (stored?.print === print(change)) return stored
  if (stored || state.versions.get(change.version_id)) {
    throw refusal('SYNC_CONFLICT', 'version_id reused', change, undefined)
  }
  return undefined
}

export const print = (change: Change): string => JSON.stringify(change)
