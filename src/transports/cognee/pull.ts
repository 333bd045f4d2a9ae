/**
 * Datasets and their documents are listed and compared with what was given before. The listing tells neither hash nor
 * size, so the bytes of a new document are read once.
 */
import { SyncError } from '../../errors.ts'
import type { Json, RemoteRecord } from '../../model.ts'
import type { Io, Page, Pull, Transport } from '../../transport.ts'
import { changed, deleted, knownGroups, knownOf, pagesOf } from '../shared/listing.ts'
import { chunks, inParallel } from '../shared/pages.ts'
import { flag, member, text } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { type Content, type Dataset, datasetRecord, documentRecord, type Listed } from './wire.ts'

/** Read together and committed together: what was read before a limit is not read again, or nobody would get past it. */
const REQUESTS_AT_ONCE = 4
const AN_HOUR = 3_600_000

/** Where a look was stopped by a limit goes on from there, in the order of ids, or nobody would get past it. */
interface Cursor {
  /** Everything is listed anew: what does not come is gone. */
  readonly walk: boolean
  /** The look has come past this dataset. */
  readonly after?: string
  /** The documents of a dataset before could not be listed. */
  readonly lacking?: true
}

/** A look that a limit stopped has not seen what came meanwhile to where it was before: another one is owed at once. */
export function looksOf(api: Api): { readonly pull: Pull; readonly nudges: NonNullable<Transport['nudges']> } {
  let owe = () => {}
  const nudges: NonNullable<Transport['nudges']> = {
    async listen(hear, io) {
      owe = () => hear('changed')
      for (;;) await io.sleep(AN_HOUR)
    },
  }
  return { pull: pull(api, () => owe()), nudges }
}

function pull(api: Api, owe: () => void): Pull {
  return {
    async *pages(from, io) {
      const began = cursorOf(from)
      const { walk, after } = began
      const under = { walk }
      let at = began
      const datasets = (await api.datasets(io)).toSorted((one, other) => (one.id < other.id ? -1 : 1))
      yield* goneWith(datasets, under, io)
      for (const dataset of datasets.filter(({ id }) => after === undefined || id > after)) {
        try {
          const one = { id: dataset.id, record: datasetRecord(dataset, await api.status(dataset.id, io)) }
          yield* pagesOf(await changed('datasets', dataset.id, [one], io), under)
          const listed = await api.documents(dataset.id, io)
          if (listed !== undefined) yield* documents(api, dataset.id, listed, under, io)
          // Gone meanwhile, or not to be seen any more: the next listing of datasets tells.
          at = { ...at, after: dataset.id, ...(listed === undefined && { lacking: true }) }
        } catch (error) {
          if (error instanceof SyncError && error.code === 'throttled') yield { records: [], cursor: { ...at } }
          throw error
        }
      }
      if (after !== undefined) owe()
      const cursor = { walk: false }
      const sources = ['datasets', ...(at.lacking ? [] : ['documents'])]
      if (walk) yield { records: [], snapshot: true, cursor, complete: sources.map(source => ({ source })) }
      else if (after !== undefined) yield { records: [], cursor }
    },
  }
}

function cursorOf(from: Json | undefined): Cursor {
  const after = text(from, 'after')
  return {
    walk: from === undefined || flag(from, 'walk') === true,
    ...(after !== undefined && { after }),
    ...(flag(from, 'lacking') === true && { lacking: true }),
  }
}

async function* documents(
  api: Api,
  dataset: string,
  listed: readonly Listed[],
  cursor: Json,
  io: Io,
): AsyncGenerator<Page, void> {
  const known = await knownOf('documents', dataset, io)
  const there = new Set(listed.map(({ id }) => id))
  const gone = [...known.keys()].filter(id => !there.has(id)).map(id => deleted('documents', id))
  yield* pagesOf({ group: dataset, records: gone }, cursor)
  const news = listed.filter(
    one => !known.has(one.id) || member(known.get(one.id), 'updatedAt') !== (one.updatedAt ?? null),
  )
  for (const some of chunks(news, REQUESTS_AT_ONCE)) {
    const records = await inParallel(some, REQUESTS_AT_ONCE, one => described(api, one, io))
    yield* pagesOf({ group: dataset, records }, cursor)
  }
}

/** The record of a listed document; without hash and size where its bytes cannot be had. */
export async function described(api: Api, listed: Listed, io: Io): Promise<RemoteRecord> {
  let content: Content | undefined
  try {
    content = await api.content(listed, io)
  } catch (error) {
    // Too long for us: the others are not held up by it.
    if (!(error instanceof SyncError) || error.code !== 'protocol') throw error
  }
  if (content === undefined) {
    io.notice({ code: 'unreadable', message: `The bytes of document ${listed.id} cannot be read: it is here without.` })
  }
  return documentRecord(listed, content)
}

async function* goneWith(datasets: readonly Dataset[], cursor: Json, io: Io): AsyncGenerator<Page, void> {
  const listed = new Set(datasets.map(({ id }) => id))
  for (const group of (await knownGroups('datasets', io)).filter(id => !listed.has(id))) {
    const below = [...(await knownOf('documents', group, io)).keys()].map(id => deleted('documents', id))
    yield* pagesOf({ group, records: [deleted('datasets', group), ...below] }, cursor)
  }
}
