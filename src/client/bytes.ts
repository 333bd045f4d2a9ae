/** The bytes of a record, as the app writes and reads them. */
import { SyncError } from '../errors.ts'
import { bodyHead, nameBody, pieceSize, putBody, putHead, putPiece, readBody, stagedName } from '../ledger/bodies.ts'
import type { Draft } from '../ledger/draft.ts'
import { dropTransfer, getTransfer, putTransfer, type Transfer } from '../ledger/transfers.ts'
import type { Base } from './db.ts'

/** Bytes at once, or as they come: a `Blob`, a `ReadableStream`, the body of a `Response`. */
export type Bytes = Uint8Array | Blob | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

export interface Described {
  readonly sha256: string
  readonly size: number
  /** Puts the bytes in place; belongs into the commit of the record that names them. */
  keep(draft: Draft): Promise<void>
}

const spaces = ['meta', 'bodies'] as const

/** Bytes that came whole are kept with the record; a stream is kept aside first, piece by piece, and named at its end. */
export async function take(on: Base, bytes: Bytes): Promise<Described> {
  if (bytes instanceof Uint8Array) {
    const copy = bytes.slice()
    const sha256 = await on.platform.digest(copy)
    return { sha256, size: copy.length, keep: draft => putBody(draft.tx, sha256, copy, on.platform.now()) }
  }
  const name = stagedName(on.platform.uuid())
  const hash = await on.platform.hasher()
  let head = { size: 0, have: 0, at: name, since: on.platform.now() }
  for await (const piece of pieces(bytes)) {
    hash.update(piece)
    const have = head.have + piece.length
    head = { ...head, size: have, have, since: on.platform.now() }
    await on.store.write({ records: [], rows: spaces }, tx => putPiece(tx, name, head, piece), {
      durability: on.durability,
    })
  }
  const sha256 = hash.hex()
  return {
    sha256,
    size: head.have,
    async keep({ tx }) {
      if (head.have === 0) await putHead(tx, name, head)
      await nameBody(tx, name, sha256)
    },
  }
}

/** A piece at a time, from the store: `undefined` where the bytes are not here. */
export async function stored(on: Base, sha256: string): Promise<AsyncGenerator<Uint8Array, void, void> | undefined> {
  const head = await on.store.read({ records: [], rows: ['meta'] }, tx => bodyHead(tx, sha256))
  if (!head?.whole) return undefined
  const { size } = head
  return (async function* () {
    for (let at = 0; at < size; at += pieceSize) {
      const part = await on.store.read({ records: [], rows: spaces }, async tx => {
        const now = await bodyHead(tx, sha256)
        if (!now?.whole)
          throw new SyncError('not-found', 'The bytes were replaced while they were being read. Read again.')
        return readBody(tx, now, at, Math.min(at + pieceSize, size))
      })
      yield part
    }
  })()
}

/** Asks whoever leads for the bytes. `urgent`: somebody waits for them, so an earlier failure counts no more. */
export async function wish(
  on: Base,
  want: Pick<Transfer, 'remote' | 'collection' | 'id' | 'sha256' | 'priority'>,
  urgent: boolean,
): Promise<void> {
  await on.store.write({ records: [], rows: ['meta'] }, async tx => {
    if ((await bodyHead(tx, want.sha256))?.whole) return
    const name = { ...want, direction: 'down' } as const
    const before = await getTransfer(tx, name)
    const { failure, ...rest } = before ?? { ...name, done: 0, at: on.platform.now(), failure: undefined }
    const priority = Math.max(rest.priority, want.priority)
    await putTransfer(tx, { ...rest, priority, ...(!urgent && failure && { failure }) })
  })
  if (urgent) on.host()?.urgent(want.remote)
}

/** Resolves when the bytes are here; rejects with what the try that was asked for came to. */
export function arrival(on: Base, name: Pick<Transfer, 'remote' | 'sha256'>): Promise<void> {
  const row = { ...name, direction: 'down' } as const
  return new Promise((resolve, reject) => {
    let ended = false
    let looking = false
    let again = false
    const end = new AbortController()

    function done(settle: () => void): void {
      ended = true
      end.abort()
      unwatch()
      settle()
    }

    async function look(): Promise<void> {
      again = true
      if (looking) return
      looking = true
      try {
        while (again && !ended) {
          again = false
          const [head, transfer] = await on.store.read({ records: [], rows: ['meta'] }, async tx => [
            await bodyHead(tx, name.sha256),
            await getTransfer(tx, row),
          ])
          if (ended) return
          if (head?.whole) return done(resolve)
          const failure = transfer?.failure
          if (transfer !== undefined && failure === undefined) continue
          if (failure?.next === undefined) {
            await on.store.write({ records: [], rows: ['meta'] }, tx => dropTransfer(tx, row))
          }
          const why = 'The record was changed or deleted meanwhile, so nobody fetches these bytes. Read again.'
          return done(() => reject(new SyncError(failure?.code ?? 'not-found', failure?.message ?? why)))
        }
      } catch (error) {
        if (!ended) done(() => reject(error))
      } finally {
        looking = false
      }
    }

    const unwatch = on.store.watch(touched => {
      if (touched.length === 0 || touched.some(({ space }) => space === undefined || space === 'meta')) void look()
    })
    // Messages of the store may be lost (rule 11).
    void (async () => {
      while (!ended) {
        await look()
        await on.platform.sleep(lookEvery, end.signal).catch(() => {}) // it ended
      }
    })()
  })
}

const lookEvery = 5_000

async function* pieces(bytes: Exclude<Bytes, Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let piece = new Uint8Array(pieceSize)
  let filled = 0
  for await (let more of source(bytes)) {
    while (more.length > 0) {
      const part = more.subarray(0, pieceSize - filled)
      piece.set(part, filled)
      filled += part.length
      more = more.subarray(part.length)
      if (filled < pieceSize) continue
      yield piece
      piece = new Uint8Array(pieceSize)
      filled = 0
    }
  }
  if (filled > 0) yield piece.slice(0, filled)
}

async function* source(bytes: Exclude<Bytes, Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const stream = bytes instanceof Blob ? bytes.stream() : bytes
  if (!(stream instanceof ReadableStream)) return yield* stream
  // Not every browser lets a stream be iterated.
  const reader = stream.getReader()
  let ended = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      ended = done
      if (done) return
      yield value
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => {}) // nobody wants the rest
  }
}
