/**
 * Datasets and their documents are listed and compared with what was given before. The listing tells neither hash nor
 * size, so the bytes of a new document are read once.
 */
import { SyncError } from '../../errors.ts'
import type { Json, RemoteRecord } from '../../model.ts'
import type { Io, Page, Pull } from '../../transport.ts'
import { changed, deleted, knownGroups, knownOf, pagesOf } from '../shared/listing.ts'
import { chunks, inParallel } from '../shared/pages.ts'
import { flag, member } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { type Content, type Dataset, datasetRecord, documentRecord, type Listed } from './wire.ts'

/** Read together and committed together: what was read before a limit is not read again, or nobody would get past it. */
const REQUESTS_AT_ONCE = 4

export function pull(api: Api): Pull {
  return {
    async *pages(from, io) {
      const walk = from === undefined || flag(from, 'walk') === true
      const under = { walk }
      let whole = true
      const datasets = await api.datasets(io)
      yield* goneWith(datasets, under, io)
      const statuses = await api.statuses(
        datasets.map(({ id }) => id),
        io,
      )
      for (const dataset of datasets) {
        const one = { id: dataset.id, record: datasetRecord(dataset, statuses.get(dataset.id)) }
        yield* pagesOf(await changed('datasets', dataset.id, [one], io), under)
        const listed = await api.documents(dataset.id, io)
        // Gone meanwhile, or not to be seen any more: the next listing of datasets tells.
        if (listed === undefined) whole = false
        else yield* documents(api, dataset.id, listed, under, io)
      }
      if (!walk) return
      const sources = ['datasets', ...(whole ? ['documents'] : [])]
      yield { records: [], snapshot: true, cursor: { walk: false }, complete: sources.map(source => ({ source })) }
    },
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
