/** One body comes: from where an earlier try ended, a piece to a commit, and shown to nobody before its hash is right (I28). */
import { SyncError } from '../errors.ts'
import { type BodyHead, bodyHead, bodySpaces, dropBody, pieceSize, putPiece, readBody } from '../ledger/bodies.ts'
import { baseOf } from '../ledger/rows.ts'
import { dropTransfer, getTransfer, putTransfer, type Transfer } from '../ledger/transfers.ts'
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
  const [base, before] = await glance(on, async tx => [
    await baseOf(tx, place.collection, await tx.records(place.collection).get(id)),
    await bodyHead(tx, sha256),
  ])
  // The record is another by now, or it came some other way.
  if (base?.value?.[place.source.body!] !== sha256 || before?.whole) return commit(on, tx => dropTransfer(tx, transfer))

  const from = before === undefined ? 0 : Math.floor(before.have / pieceSize) * pieceSize
  const io = ioFor(on, { signal: on.signal })
  const { at, size, pieces } = await on.transport.bodies!.download({ collection: place.sourceName, id }, base, from, io)
  const hash = await on.platform.hasher()
  if (before !== undefined) await hashAgain(on, hash, before, from)

  let have = from
  /**
   * What was written here meanwhile is never touched: it may be nowhere else. `false`: the same bytes are here now. What
   * was dropped meanwhile must come again, for the rest of it alone is nothing.
   */
  const put = (work: (tx: Writer) => Promise<void>): Promise<boolean> =>
    commit(on, async tx => {
      const there = await bodyHead(tx, sha256)
      if (there?.whole) {
        await dropTransfer(tx, transfer)
        return false
      }
      if ((there?.have ?? 0) < have)
        throw new SyncError('truncated', `The first bytes of "${id}" were dropped while the others came. Try again.`)
      await work(tx)
      return true
    })

  for await (const { bytes, last } of inPieces(after(pieces, from - at))) {
    hash.update(bytes)
    if (last && hash.hex() !== sha256) {
      if (!(await put(tx => dropBody(tx, sha256)))) return
      throw new SyncError('truncated', `The bytes of "${id}" do not have the hash that the remote promised. Try again.`)
    }
    const next = have + bytes.length
    const total = last ? next : (size ?? transfer.size)
    const head: BodyHead = { size: total ?? 0, have: next, at: sha256, since: on.platform.now() }
    const going = await put(async tx => {
      await putPiece(tx, sha256, last ? { ...head, whole: true } : head, bytes)
      const asked = await getTransfer(tx, transfer)
      if (last) await dropTransfer(tx, transfer)
      else if (asked !== undefined)
        await putTransfer(tx, { ...asked, done: next, ...(total !== undefined && { size: total }) })
    })
    if (!going) return
    have = next
  }
}

/** In pieces as they are kept; the last one may be shorter, and is there even where there are no bytes. */
async function* inPieces(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly last: boolean }, void, void> {
  const piece = new Uint8Array(pieceSize)
  let filled = 0
  for await (let more of bytes) {
    while (more.length > 0) {
      // Only what comes next says that this one was not the last.
      if (filled === pieceSize) {
        yield { bytes: piece.slice(), last: false }
        filled = 0
      }
      const part = more.subarray(0, pieceSize - filled)
      piece.set(part, filled)
      filled += part.length
      more = more.subarray(part.length)
    }
  }
  yield { bytes: piece.slice(0, filled), last: true }
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
function commit<T>(on: Ground, work: (tx: Writer) => Promise<T>): Promise<T> {
  return on.store.write(
    { records: [], rows: bodySpaces },
    async tx => {
      await mustLead(on, tx)
      return work(tx)
    },
    { durability: 'relaxed' },
  )
}
