/** Before anything else the remote learns of this device, and the device of what it has missed. */
import { putCheckpoint } from '../ledger/rows.ts'
import type { Ground } from './ground.ts'
import { fenced, glance } from './ground.ts'
import { ioFor } from './io.ts'
import { startOver } from './pull.ts'

export async function join(on: Ground): Promise<void> {
  await feedAll(on)
  if (on.transport.join === undefined) return
  const joined = await glance(on, async (_, checkpoint) => checkpoint.joined)
  if (joined === on.device.id) return
  await on.transport.join(ioFor(on, { signal: on.signal }))
  await fenced(on, async (tx, checkpoint) => putCheckpoint(tx, on.remote, { ...checkpoint, joined: on.device.id }))
}

/** A collection that is new to this remote missed every page so far: everything is walked again. */
async function feedAll(on: Ground): Promise<void> {
  const fed = [...on.places.keys()].sort()
  const missed = await fenced(on, async (tx, checkpoint) => {
    const { fed: before, cursor } = checkpoint
    const missing = fed.some(source => !before?.includes(source))
    if (missing) await putCheckpoint(tx, on.remote, { ...checkpoint, fed })
    return missing && cursor !== undefined
  })
  if (missed) await startOver(on)
}

/** The remote does not know this device any more: it joins anew, and walks everything. */
export async function leaveDevice(on: Ground): Promise<void> {
  await fenced(on, async (tx, { joined: _, ...checkpoint }) => putCheckpoint(tx, on.remote, checkpoint))
}
