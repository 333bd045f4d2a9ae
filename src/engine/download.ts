/** One body comes: from where an earlier try ended, a piece to a commit, and shown to nobody before its hash is right (I28). */
import { SyncError } from '../errors.ts'
import {
  type BodyHead,
  bodyHead,
  bodySpaces,
  dropBody,
  pieceSize,
  putHead,
  putPiece,
  readBody,
} from '../ledger/bodies.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { agreedOf, metaOf } from '../ledger/rows.ts'
import { dropTransfer, getTransfer, putTransfer, type Transfer } from '../ledger/transfers.ts'
import type { Base } from '../model.ts'
import type { Hasher } from '../platform.ts'
import type { Writer } from '../store.ts'
import type { Ground, Place } from './ground.ts'
import { glance, mustLead } from './ground.ts'
import { ioFor } from './io.ts'

/** What a lane carries. */
export interface Load {
  readonly transfer: Transfer
  readonly place: Place
  /** Of an upload: the change that it is for. */
  readonly change?: string
}

export async function download(on: Ground, { transfer, place }: Load): Promise<void> {
  const { sha256, id } = transfer
  const [base, before] = await glance(on, async tx => [await agreedBase(tx, place, id), await bodyHead(tx, sha256)])
  // The record is another by now, or it came some other way.
  if (base?.value?.[place.source.body!] !== sha256 || before?.whole) return commit(on, tx => dropTransfer(tx, transfer))

  const from = before === undefined ? 0 : Math.floor(before.have / pieceSize) * pieceSize
  const io = ioFor(on, { signal: on.signal })
  const { at, size, pieces } = await on.transport.bodies!.download({ collection: place.sourceName, id }, base, from, io)
  const hash = await on.platform.hasher()
  if (before !== undefined) await hashAgain(on, hash, before, from)

  let head: BodyHead = { size: size ?? transfer.size ?? 0, have: from, at: sha256, since: on.platform.now() }
  const rest = await inPieces(after(pieces, from - at), async bytes => {
    hash.update(bytes)
    head = { ...head, have: head.have + bytes.length, since: on.platform.now() }
    await commit(on, async tx => {
      await putPiece(tx, sha256, head, bytes)
      const asked = await getTransfer(tx, transfer)
      if (asked !== undefined)
        await putTransfer(tx, { ...asked, done: head.have, ...(head.size > 0 && { size: head.size }) })
    })
  })
  hash.update(rest)
  if (hash.hex() !== sha256) {
    await commit(on, tx => dropBody(tx, sha256))
    throw new SyncError('truncated', `The bytes of "${id}" do not have the hash that the remote promised. Try again.`)
  }
  const have = head.have + rest.length
  await commit(on, async tx => {
    const whole = { ...head, have, size: have, whole: true } as const
    if (rest.length > 0) await putPiece(tx, sha256, whole, rest)
    else await putHead(tx, sha256, whole)
    await dropTransfer(tx, transfer)
  })
}

/** Calls back with each full piece; resolves to what is left, which may be a full one too. */
async function inPieces(
  bytes: AsyncIterable<Uint8Array>,
  full: (piece: Uint8Array) => Promise<void>,
): Promise<Uint8Array> {
  const piece = new Uint8Array(pieceSize)
  let filled = 0
  for await (let more of bytes) {
    while (more.length > 0) {
      if (filled === pieceSize) {
        await full(piece.slice())
        filled = 0
      }
      const part = more.subarray(0, pieceSize - filled)
      piece.set(part, filled)
      filled += part.length
      more = more.subarray(part.length)
    }
  }
  return piece.slice(0, filled)
}

/** Without the first `skip` bytes: a remote that cannot go on from the middle sends them again. */
async function* after(pieces: AsyncIterable<Uint8Array>, skip: number): AsyncGenerator<Uint8Array, void, void> {
  let left = skip
  for await (const piece of pieces) {
    if (left < piece.length) yield piece.subarray(left)
    left = Math.max(0, left - piece.length)
  }
}

async function hashAgain(on: Ground, hash: Hasher, head: BodyHead, to: number): Promise<void> {
  for (let at = 0; at < to; at += pieceSize) {
    hash.update(await on.store.read({ records: [], rows: ['bodies'] }, tx => readBody(tx, head, at, at + pieceSize)))
  }
}

/** A commit of bytes is the leader's alone, like every other; lost to a power cut, they only come again. */
function commit(on: Ground, work: (tx: Writer) => Promise<void>): Promise<void> {
  return on.store.write(
    { records: [], rows: bodySpaces },
    async tx => {
      await mustLead(on, tx)
      await work(tx)
    },
    { durability: 'relaxed' },
  )
}

async function agreedBase(
  tx: Parameters<Parameters<typeof glance>[1]>[0],
  { collection }: Place,
  id: string,
): Promise<Base | undefined> {
  const stored = await tx.records(collection).get(id)
  const { open } = metaOf(stored)
  if (open === undefined) return agreedOf(stored)
  const row = (await tx.rows('outbox').get([collection, id, open[0]])) as OutboxRow | undefined
  return row?.base ?? undefined
}
