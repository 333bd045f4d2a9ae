/**
 * Syncs of datasets to the cloud. The API tells only what is under way, and ends a run well whatever was lost: that
 * everything is there is said only after hashes were compared with the cloud.
 */
import { asSyncError, SyncError } from '../../errors.ts'
import type { Asked, JobReport, Jobs } from '../../job.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { knownOf } from '../shared/listing.ts'
import { text } from '../shared/shape.ts'
import { safeId } from '../shared/url.ts'
import type { Api, Cloud } from './api.ts'
import type { Dataset, Run } from './wire.ts'

/** Some datasets, by id; everything must be said aloud. */
export type CogneeSync = { readonly datasets: readonly string[] } | { readonly scope: 'all' }

/** So often a run is asked for that nothing is ever seen of. */
const MOST_TIMES = 5
const NO_WORD = 'A sync was asked for several times. Cognee never said that one began, and none can be seen.'

export function runs(api: Api, cloud: Cloud | undefined): Jobs<CogneeSync> {
  return {
    refuses,

    async start(request, io) {
      const { id, details } = await api.sync(bodyOf(request), io)
      return { id, report: { state: 'running', progress: 0, details } }
    },

    async find(request, asked, io) {
      const run = await api.running(io)
      if (run === undefined) return asked === undefined ? { mark: null } : leftToDo(request, asked, io)
      if (await sameSet(request, run, asked !== undefined, io)) return { id: run.id }
      // After a doubt it cannot be ours: there is only one at a time, and ours would say our datasets.
      if (asked !== undefined) return {}
      throw new SyncError('busy', 'Another sync is under way. This one follows it.')
    },

    async check(id, request, io) {
      const run = await api.running(io)
      if (run?.id !== id) return verified(request, io)
      return { state: 'running', ...(run.percent !== undefined && { progress: Math.min(1, run.percent / 100) }) }
    },

    pauses: [1_000, 15_000],
  }

  /** A run that is over leaves no trace, and one that moves nothing does no harm: it is asked for again, up to a point. */
  async function leftToDo(request: CogneeSync, { times }: Asked, io: Io): Promise<{ readonly ended?: JobReport }> {
    if (cloud === undefined)
      return times < MOST_TIMES ? {} : { ended: { state: 'finished-unverified', reason: NO_WORD } }
    try {
      const ended = await verified(request, io)
      return ended.state === 'done' || times >= MOST_TIMES ? { ended } : {}
    } catch (error) {
      const { code } = asSyncError(error)
      if (code === 'aborted' || code === 'stale-leader') throw error
      return {} // the cloud cannot be asked
    }
  }

  async function chosen(request: CogneeSync, io: Io): Promise<readonly Dataset[]> {
    const all = await api.datasets(io)
    return 'scope' in request ? all : all.filter(({ id }) => request.datasets.includes(id))
  }

  /** `ours`: such a run was asked for, so one name of several is enough. What it brought is looked at in any case. */
  async function sameSet(request: CogneeSync, run: Run, ours: boolean, io: Io): Promise<boolean> {
    const asked = await chosen(request, io)
    const ids = 'scope' in request ? asked.map(({ id }) => id) : request.datasets
    if (run.datasets !== undefined) return same(ids, run.datasets)
    if (ours && run.first) return asked.some(({ name }) => run.names?.includes(name))
    return (
      run.names !== undefined &&
      same(
        asked.map(({ name }) => name),
        run.names,
      ) &&
      asked.length === new Set(ids).size
    )
  }

  /** The run is over. Nothing tells how, so what should be in the cloud is compared with what is. */
  async function verified(request: CogneeSync, io: Io): Promise<JobReport> {
    if (cloud === undefined) {
      const reason = 'The sync is over. Whether everything arrived cannot be told without access to the cloud.'
      return { state: 'finished-unverified', reason }
    }
    let [documents, lacking, more] = [0, 0, 0]
    const datasets = await chosen(request, io)
    if ('datasets' in request && datasets.length < new Set(request.datasets).size) return unverified('is gone')
    for (const dataset of datasets) {
      const hashes = await hashesOf(dataset.id, io)
      if (hashes === undefined) return unverified('cannot be listed')
      if (hashes.size === 0) continue // what is empty here is left out by the server
      const difference = await cloud.diff(dataset, [...hashes], io)
      documents += hashes.size
      lacking += difference.lacking.length
      more += difference.more.length
    }
    const counters = { documents, lacking, more }
    if (lacking + more === 0) return { state: 'done', progress: 1, counters }
    const what = [
      ...(lacking > 0 ? [`${lacking} documents are not in the cloud`] : []),
      ...(more > 0 ? [`${more} of the cloud are not here`] : []),
    ]
    return { state: 'partial', counters, reason: `The sync is over, but ${what.join(' and ')}. Run it again.` }
  }

  /** MD5 of all documents, from what a pull has read where it has. `undefined`: they are not to be seen. */
  async function hashesOf(dataset: string, io: Io): Promise<ReadonlySet<string> | undefined> {
    const listed = await api.documents(dataset, io)
    if (listed === undefined) return undefined
    const known = await knownOf('documents', dataset, io)
    const hashes = new Set<string>()
    for (const one of listed) {
      const hash = text(known.get(one.id), 'md5') ?? (await api.content(one, io))?.md5
      if (hash !== undefined) hashes.add(hash)
    }
    return hashes
  }
}

const unverified = (what: string): JobReport => ({
  state: 'finished-unverified',
  reason: `The sync is over. One of the datasets ${what}, so whether everything arrived cannot be told.`,
})

function refuses(request: CogneeSync): string | undefined {
  if ('scope' in request) {
    return request.scope === 'all' && !('datasets' in request) ? undefined : "Say `scope: 'all'`, or which datasets."
  }
  const { datasets } = request as { readonly datasets?: unknown }
  if (!Array.isArray(datasets) || datasets.length === 0) {
    return "Say which datasets to sync. For all of them say `scope: 'all'`."
  }
  return datasets.every(id => typeof id === 'string' && safeId(id)) ? undefined : 'A dataset is said by its id.'
}

/** `{}` means everything, so only who said so sends it (I33). */
function bodyOf(request: CogneeSync): Json {
  const refused = refuses(request)
  if (refused !== undefined) throw new SyncError('invalid-value', refused)
  return 'scope' in request ? {} : { dataset_ids: [...new Set(request.datasets)] }
}

function same(one: readonly string[], other: readonly string[]): boolean {
  const [mine, theirs] = [new Set(one), new Set(other)]
  return mine.size === theirs.size && [...mine].every(id => theirs.has(id))
}
