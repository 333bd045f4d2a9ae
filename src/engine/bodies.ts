/** Bytes go before the change that names them, and come when somebody wants them: records never wait for bytes. */
import { asSyncError, SyncError } from '../errors.ts'
import { getBody, putBody } from '../ledger/bodies.ts'
import { agreedOf, metaOf, type OutboxRow } from '../ledger/rows.ts'
import type { Base, Change, Receipt } from '../model.ts'
import type { Io } from '../transport.ts'
import type { Ground, Place } from './ground.ts'
import { mustLead } from './ground.ts'
import { ioFor } from './io.ts'

/** A full remote is asked again after this, in milliseconds. */
const patience = 60_000

/**
 * Uploads what the remote does not have of these changes, and answers for those whose bytes it will not take: one body
 * too large holds back its own change only (law 7). Bytes that are not here either are left to the remote's answer.
 */
export async function uploadBodies(on: Ground, changes: readonly Change[], io: Io): Promise<Receipt[]> {
  const { bodies } = on.transport
  const refused: Receipt[] = []
  if (bodies === undefined) return refused
  for (const change of changes) {
    const field = on.places.get(change.collection)?.source.body
    const hash = field === undefined ? undefined : change.value?.[field]
    if (typeof hash !== 'string' || change.base?.value?.[field!] === hash) continue
    const bytes = await on.store.read({ records: [], rows: ['bodies', 'meta'] }, async tx => {
      await mustLead(on, tx)
      return getBody(tx, hash)
    })
    if (bytes === undefined) continue
    try {
      await bodies.upload(change, bytes, io)
    } catch (thrown) {
      refused.push(refusalOf(on, change, asSyncError(thrown)))
    }
  }
  return refused
}

/** Rethrows what is not about these bytes. */
function refusalOf(on: Ground, { change }: Change, error: SyncError): Receipt {
  const { code, message: reason, notBefore } = error
  if (code === 'too-large') return { change, state: 'rejected', code, reason }
  if (code === 'rejected') return { change, state: 'rejected', code: 'invalid', reason }
  if (code === 'remote-full')
    return { change, state: 'later', notBefore: notBefore ?? on.platform.now() + patience, reason }
  throw error
}

/**
 * The bytes of the version that we last agreed on, from here or from the remote. Rejects with `not-found` where the
 * record has none, and with `protocol` where what came does not have the promised hash; nothing is kept then (I28).
 */
export async function fetchBody(on: Ground, place: Place, id: string): Promise<Uint8Array> {
  const field = place.source.body
  const base = await agreedBase(on, place, id)
  const hash = field === undefined ? undefined : base?.value?.[field]
  if (base === undefined || typeof hash !== 'string') {
    throw new SyncError('not-found', `${place.collection} has no bytes under "${id}".`)
  }
  const scope = { records: [], rows: ['bodies'] as const }
  const here = await on.store.read(scope, tx => getBody(tx, hash))
  if (here !== undefined) return here
  if (on.transport.bodies === undefined) throw new SyncError('unsupported', `${on.remote} gives no bytes.`)
  const bytes = await on.transport.bodies.download(
    { collection: place.sourceName, id },
    base,
    ioFor(on, { signal: on.signal }),
  )
  if ((await on.platform.digest(bytes)) !== hash) {
    throw new SyncError('truncated', `The bytes of "${id}" do not have the hash that the remote promised. Try again.`)
  }
  await on.store.write(scope, tx => putBody(tx, hash, bytes), { durability: 'relaxed' })
  return bytes
}

async function agreedBase(on: Ground, place: Place, id: string): Promise<Base | undefined> {
  return on.store.read({ records: [place.collection], rows: ['outbox'] }, async tx => {
    const stored = await tx.records(place.collection).get(id)
    const { open } = metaOf(stored)
    if (open === undefined) return agreedOf(stored)
    const row = (await tx.rows('outbox').get([place.collection, id, open[0]])) as OutboxRow | undefined
    return row?.base ?? undefined
  })
}
