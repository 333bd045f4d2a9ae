/** An app that carries large files of synthetic bytes. The same in a Node process and in a page. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { collection, defineSchema, open } from '../../src/index.ts'
import type { StoreDriver } from '../../src/store.ts'
import { files, tree } from '../../src/transports/files/index.ts'
import { stream } from './bytes.ts'
import type { Account } from './devices.ts'

export type Carrier = Awaited<ReturnType<typeof openCarrier>>

export async function openCarrier(
  { url, share, token, name }: Account & { readonly name: string },
  store: StoreDriver,
  web = false,
) {
  const db = await open({
    store,
    schema: defineSchema({
      version: 1,
      collections: { entries: collection({ remote: 'drive', source: 'tree', conflicts: 'KEEP_BOTH', ...tree }) },
    }),
    remotes: { drive: files({ url, share, token: () => token, ...(web && { platform: 'web' as const }) }) },
    device: { name },
  })
  const { entries } = db.data
  const { drive } = db.remotes

  const named = async (name: string) => {
    const found = (await entries.list()).find(({ value }) => value.name === name)
    if (found === undefined) throw new Error(`There is no "${name}" here.`)
    return found
  }

  return {
    /** A new file, written as its bytes come. */
    async write({ name, seed, size }: { name: string; seed: number; size: number }) {
      const parts = (async function* () {
        yield* stream(seed, size)
      })()
      await entries.write(`new-${name}`, parts, { share, parent: share, name, kind: 'file' })
    },
    /** Asks for the bytes, and does not wait. */
    fetch: async (name: string) => entries.fetch((await named(name)).id),
    /** Reads the bytes, a piece at a time: their size and hash. */
    async read(name: string) {
      const hash = sha256.create()
      let size = 0
      for await (const piece of (await entries.stream((await named(name)).id)) ?? []) {
        hash.update(piece)
        size += piece.length
      }
      return { size, sha256: bytesToHex(hash.digest()) }
    },
    outbox: () => db.outbox.list(),
    transfers: () => drive.transfers.get(),
    status: () => drive.status.get(),
    synced: () => drive.synced(),
    close: () => db.close(),
  }
}
