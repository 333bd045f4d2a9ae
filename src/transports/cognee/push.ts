/** Datasets are made and deleted, documents added and deleted. Nothing can be changed: the content is the identity. */
import { reactionTo, SyncError } from '../../errors.ts'
import type { Change, Receipt, RejectCode, Value } from '../../model.ts'
import type { KeyedRow } from '../../store.ts'
import type { Bodies, Io, Push } from '../../transport.ts'
import { deleted, given } from '../shared/listing.ts'
import type { Api } from './api.ts'
import { described } from './pull.ts'
import { datasetRecord, type Listed } from './wire.ts'

export interface Limits {
  /** Larger documents are refused before they are sent. */
  readonly mostBytes: number
}

export function push(api: Api, limits: Limits): { readonly push: Push; readonly bodies: Bodies } {
  /** Ids of what was added in this life, by change. */
  const added = new Map<string, string>()

  async function send(change: Change, io: Io): Promise<Receipt> {
    const { collection, base, value } = change
    if (value !== null && base?.value != null) return no(change, 'unsupported', UNCHANGEABLE[collection] ?? '')
    if (collection === 'datasets') return value === null ? dropDataset(change, io) : makeDataset(change, value, io)
    return value === null ? dropDocument(change, io) : addDocument(change, value, io)
  }

  async function makeDataset({ change }: Change, value: Value, io: Io): Promise<Receipt> {
    const made = await api.create(String(value.name), io)
    const remote = datasetRecord(made, await api.status(made.id, io))
    return { change, state: 'accepted', id: made.id, version: remote.version, remote }
  }

  async function dropDataset(change: Change, io: Io): Promise<Receipt> {
    const { id } = change
    if (await api.deleteDataset(id, io)) return gone(change)
    // What is gone and what is not ours look the same.
    if ((await api.datasets(io)).some(one => one.id === id))
      return no(change, 'forbidden', 'You may not delete this dataset.')
    return gone(change)
  }

  async function addDocument(change: Change, value: Value, io: Io): Promise<Receipt> {
    const { dataset, sha256, size } = value
    if (typeof sha256 !== 'string') return no(change, 'content-missing', 'Write the bytes of a document with it.')
    if (typeof size === 'number' && size > limits.mostBytes)
      return no(change, 'too-large', 'This document is too large.')
    const listed = await api.documents(String(dataset), io)
    if (listed === undefined) {
      return no(change, 'invalid', 'The server has no such dataset: make it, and add to it when the server has it.')
    }
    const id = added.get(change.change)
    const one = id === undefined ? await named(listed, value, io) : listed.find(it => it.id === id)
    // It was there: somebody has deleted it since. Without its id that is not known, and adding it again does no harm.
    if (one === undefined && id !== undefined) return vanished(change, id)
    if (one === undefined) return no(change, 'content-missing', 'The server does not have this document: add it again.')
    const remote = await described(api, one, io)
    if (remote.value?.sha256 !== undefined && remote.value.sha256 !== sha256) {
      io.notice({ code: 'remark', message: `Cognee keeps other bytes of document ${one.id} than were sent: its text.` })
    }
    return { change: change.change, state: 'accepted', id: one.id, version: remote.version, remote }
  }

  /** Added in an earlier life: found again by its content, and by its name before others. */
  async function named(listed: readonly Listed[], value: Value, io: Io): Promise<Listed | undefined> {
    const first = listed.toSorted((one, other) => rank(one, value) - rank(other, value))
    for (const one of first) if ((await api.content(one, io))?.sha256 === value.sha256) return one
    return undefined
  }

  async function dropDocument(change: Change, io: Io): Promise<Receipt> {
    const dataset = String(change.base?.value?.dataset ?? '')
    if (dataset === '' || (await api.deleteDocument(dataset, change.id, io))) return gone(change)
    if ((await api.documents(dataset, io)) === undefined) return gone(change)
    return no(change, 'forbidden', 'You may not delete from this dataset.')
  }

  return {
    push: {
      most: 20,
      // A dataset is known by its name and a document by its content: what arrives twice happens once.
      guard: 'key',
      async send(changes, io) {
        const receipts: Receipt[] = []
        for (const change of changes) {
          try {
            receipts.push(await send(change, io))
          } catch (error) {
            if (!(error instanceof SyncError)) throw error
            // One that fails must not hide what the others settled.
            if (receipts.length === 0 || error.code === 'aborted' || error.code === 'stale-leader') throw error
            if (reactionTo(error).effect === 'none') {
              const notBefore = error.notBefore ?? io.now()
              receipts.push({ change: change.change, state: 'later', notBefore, reason: error.message })
            }
          }
        }
        return { receipts, private: { put: receipts.flatMap(shownBy) } }
      },
    },
    bodies: {
      shows: true,
      async upload({ change, value }, body, io) {
        // Said with its receipt, without having been sent.
        if (value === null || body.size > limits.mostBytes) return
        const { dataset, name, extension, mime } = value
        if ((await api.documents(String(dataset), io)) === undefined) return
        const file = {
          name: typeof extension === 'string' && extension !== '' ? `${name}.${extension}` : String(name),
          mime: typeof mime === 'string' && /^[\w.+/-]+$/.test(mime) ? mime : 'text/plain',
          bytes: await body.read(0, body.size),
        }
        const id = await api.add(String(dataset), file, io)
        if (id !== undefined) added.set(change, id)
      },
      async download({ id }, { value }, _, io) {
        const mime = typeof value?.mime === 'string' ? value.mime : undefined
        const bytes = await api.raw({ dataset: String(value?.dataset ?? ''), id, mime }, io)
        if (bytes === undefined) throw new SyncError('missing', 'This document is gone from the server.')
        return { at: 0, size: bytes.length, pieces: once(bytes) }
      },
    },
  }
}

const UNCHANGEABLE: { readonly [source: string]: string } = {
  datasets: 'Cognee cannot rename a dataset: make another one.',
  documents: 'Cognee cannot change a document: add another one and delete this.',
}

const gone = ({ change }: Change): Receipt => ({ change, state: 'accepted', version: { gone: true } })

const vanished = ({ change }: Change, id: string): Receipt => {
  const remote = deleted('documents', id)
  return { change, state: 'accepted', id, version: remote.version, remote }
}

/** What a receipt shows may be gone before the next listing, which must say so. */
function shownBy(receipt: Receipt): KeyedRow[] {
  const remote = receipt.state === 'accepted' ? receipt.remote : undefined
  if (remote === undefined || remote.value === null) return []
  const { collection, id, value } = remote
  return [given(collection, collection === 'datasets' ? id : String(value.dataset), id)]
}

const no = ({ change }: Change, code: RejectCode, reason: string): Receipt => ({
  change,
  state: 'rejected',
  code,
  reason,
})

const rank = (one: Listed, value: Value): number => (one.name === value.name ? 0 : 1)

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes
}
