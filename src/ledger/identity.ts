/** Who this store is, and what its clock is known to be off by. */
import type { KeyedRow, Reader, RowKey, Writer } from '../store.ts'
import type { Checkpoint, Identity } from './rows.ts'
import { getRow } from './rows.ts'

/** What is known of a store apart from it. */
export interface Witness {
  /** Where its bytes lie; see `Store.place`. */
  readonly place?: string | undefined
  /** What was remembered in a second place when the store was opened before. */
  readonly mark?: Mark | undefined
}

/** Kept outside of the store: an older store than this says is a copy from a backup. */
export interface Mark {
  readonly device: string
  readonly opened: number
}

/**
 * The store's identity: each opening counts, and what it says must fit what is known elsewhere. A store that is new, was
 * emptied, copied, or restored from an older copy is another device: it joins anew and walks everything, so that nothing
 * is missed that an old cursor would skip, no device is in two places, and emptiness deletes nothing (I10, I11). What
 * was not synced stays and goes out.
 */
export async function identify(tx: Writer, witness: Witness, make: () => Identity): Promise<Identity> {
  const known = await getRow<Identity>(tx, 'meta', ['identity'])
  const why = oddity(known, witness)
  if (known !== undefined && why !== undefined) await startAnew(tx)
  const opened = (known?.opened ?? 0) + 1
  const { place = known?.place, mark } = witness
  const before = known?.device ?? mark?.device
  const identity: Identity = {
    ...(known !== undefined && why === undefined
      ? known
      : { ...make(), ...(why !== undefined && { why }), ...(before !== undefined && { before }) }),
    opened,
    ...(place !== undefined && { place }),
  }
  await tx.rows('meta').putMany([{ key: ['identity'], row: identity }])
  return identity
}

export const identityOf = (tx: Reader): Promise<Identity | undefined> => getRow<Identity>(tx, 'meta', ['identity'])

function oddity(known: Identity | undefined, { place, mark }: Witness): Identity['why'] {
  if (known === undefined) return mark === undefined ? undefined : 'emptied'
  if (known.place !== undefined && place !== undefined && known.place !== place) return 'copied'
  if (mark === undefined || mark.device === known.before) return undefined
  return mark.device !== known.device || mark.opened > (known.opened ?? 0) ? 'restored' : undefined
}

async function startAnew(tx: Writer): Promise<void> {
  for (const { key, row } of await tx.rows('checkpoints').list()) {
    const { cursor: _, joined: _1, pulledAt: _2, ...checkpoint } = row as Checkpoint
    const generation = checkpoint.generation + 1
    await tx.rows('checkpoints').putMany([{ key, row: { ...checkpoint, generation, walking: true } }])
  }
  for (let some: RowKey[]; ; ) {
    some = (await tx.rows('private').list({ limit: 1000 })).map(({ key }) => key)
    if (some.length === 0) return
    await tx.rows('private').deleteMany(some)
  }
}

/** The app emptied the store for good while this device was its: whoever still has it open must not fill it again (S20). */
export const isWiped = async (tx: Reader, device: string): Promise<boolean> =>
  (await getRow(tx, 'meta', ['wiped', device])) !== undefined

/** What `isWiped` will go by, to be put into the emptied store. */
export async function wipedRows(tx: Reader, device: string): Promise<KeyedRow[]> {
  const earlier = await tx.rows('meta').list({ prefix: ['wiped'] })
  const devices = new Set([device, (await identityOf(tx))?.device ?? device])
  return [...earlier, ...[...devices].map(one => ({ key: ['wiped', one], row: {} }))]
}

/** Milliseconds that the server's clock is ahead of ours, as last heard. */
export async function storedOffset(tx: Reader): Promise<number> {
  return (await getRow<{ offset: number }>(tx, 'meta', ['clock']))?.offset ?? 0
}

export const clockRow = (offset: number): KeyedRow => ({ key: ['clock'], row: { offset } })
