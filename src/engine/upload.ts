/** One body goes, before the change that names it: the remote says how much it has, and the rest follows. */
import { SyncError } from '../errors.ts'
import { bodyHead, pieceSize, readBody } from '../ledger/bodies.ts'
import { draftOf, replaceRow } from '../ledger/draft.ts'
import { type ChangeRow, getRow, type OutboxRow, outboxKey } from '../ledger/rows.ts'
import { changeOf } from '../ledger/settle.ts'
import { putTransfer } from '../ledger/transfers.ts'
import type { Body } from '../transport.ts'
import type { Load } from './download.ts'
import type { Ground } from './ground.ts'
import { fenced, glance, homeIn, mustLead } from './ground.ts'
import { ioFor } from './io.ts'

export async function upload(on: Ground, { transfer, place, change: name }: Load): Promise<void> {
  const { sha256 } = transfer
  if (on.transport.bodies!.shows) await seal(on, place.collection, name!)
  const { change, head } = await glance(on, async (tx, checkpoint) => {
    const at = await getRow<ChangeRow>(tx, 'changes', [name!])
    const row =
      at !== undefined && 'generation' in at ? await getRow<OutboxRow>(tx, 'outbox', outboxKey(at)) : undefined
    return { head: await bodyHead(tx, sha256), change: row && changeOf(homeIn(place, checkpoint), row, row) }
  })
  if (change === undefined || head === undefined) return // settled meanwhile
  const { size } = head
  const progress = (done: number, arrived?: number) =>
    fenced(
      on,
      async tx => {
        const { failure: _, ...rest } = transfer
        await putTransfer(tx, { ...rest, size, done, ...(arrived !== undefined && { arrived }) })
      },
      'relaxed',
    )

  let paused = false
  const body: Body = {
    size,
    sha256,
    async read(from, to) {
      paused = await glance(on, async (_, checkpoint) => checkpoint.paused === true)
      if (paused) throw new SyncError('aborted', 'The app has paused.')
      if (size > pieceSize) await progress(from)
      return on.store.read({ records: [], rows: ['meta', 'bodies'] }, async tx => {
        await mustLead(on, tx)
        return readBody(tx, head, from, to)
      })
    },
  }
  try {
    await on.transport.bodies!.upload(change, body, ioFor(on, { signal: on.signal }))
  } catch (error) {
    if (paused) return // the remote says where to go on
    throw error
  }
  await progress(size, on.platform.now())
}

/** From now on the remote may have it: what the app does next is another change, and comes after this one. */
async function seal(on: Ground, collection: string, name: string): Promise<void> {
  await fenced(on, async tx => {
    const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
    const at = await draft.change(name)
    if (at === undefined || !('generation' in at)) return
    const entry = await draft.get(collection, at.id)
    const row = entry.rows.find(one => one.change === name)
    if (row?.state !== 'waiting' || row.sealed) return
    replaceRow(entry, row, { ...row, sealed: true })
    await draft.flush()
  })
}
