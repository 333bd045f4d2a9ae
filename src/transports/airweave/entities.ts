/**
 * What a connection synced, read back through search (section 9): what a job put there by the job's id, and everything
 * where something may be gone, because a search shows no deletions.
 */
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io } from '../../transport.ts'
import { deleted, knownOf, type News } from '../shared/listing.ts'
import { text } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { isOver, type Job, regrouped } from './wire.ts'

export interface ReadBack extends News {
  /** All that there is was read by now. */
  readonly whole: boolean
}

/** More jobs than this are read at once by reading everything. */
const MOST_JOBS = 5

/**
 * Jobs that are told of are to be read, and may be forgotten before that was done. So the newest of them is put down
 * with the list itself. One that the list does not name any more stays: only a full read makes up for it.
 */
export async function toRead(connection: string, jobs: readonly Job[], io: Io): Promise<KeyedRow[]> {
  const row = await readOf(connection, io)
  const [newest] = jobs
  const unread = text(row, 'unread')
  if (row === undefined || newest === undefined || newest.id === (unread ?? text(row, 'job'))) return []
  if (unread !== undefined && !lists(jobs, unread)) return []
  return [{ key: keyOf(connection), row: { ...row, unread: newest.id } }]
}

/**
 * After `toRead` of the same list. `holds`: whether the connection has entities. Its jobs may be forgotten, and a job
 * may have brought none.
 */
export async function readBack(
  api: Api,
  connection: string,
  jobs: readonly Job[],
  holds: boolean,
  io: Io,
): Promise<ReadBack> {
  const row = await readOf(connection, io)
  const last = text(row, 'job')
  const unread = text(row, 'unread')
  const newest = jobs[0]?.id
  const none = { group: connection, records: [] }
  // Where no job is listed they are forgotten, and nothing tells of those that came and went since.
  const known = async () => (await knownOf('entities', connection, io)).size > 0
  const idle = newest === undefined ? !holds && !(await known()) : newest === last && unread === undefined
  if (idle) return { ...none, whole: true }
  // While one is at work, what search shows is neither before nor after it.
  if (jobs.some(job => !isOver(job))) return { ...none, whole: row !== undefined }
  const sync = text(row, 'sync') ?? (await api.syncId(connection, io))
  if (sync === undefined) return { ...none, whole: false }

  const at = jobs.findIndex(({ id }) => id === last)
  const news = at < 0 ? undefined : jobs.slice(0, at)
  const missed = unread !== undefined && !lists(jobs, unread)
  const full = news === undefined || missed || news.length > MOST_JOBS || news.some(mayHaveDeleted)
  const read = full ? await everything(api, connection, sync, io) : await since(api, connection, sync, news, io)
  // A job that came meanwhile has changed what was being read: the next look begins anew.
  const [after] = (await api.jobs(connection, 1, io)) ?? []
  if (after?.id !== newest || !read.whole) {
    if (!read.whole) io.notice({ code: 'protocol', message: 'Search gave entities twice: they are read again.' })
    const came = after === undefined || lists(jobs, after.id) ? jobs : [after, ...jobs]
    return { ...none, rows: { put: await toRead(connection, came, io) }, whole: false }
  }
  return { ...read, rows: { put: [{ key: keyOf(connection), row: { job: newest ?? null, sync } }] } }
}

const keyOf = (connection: string): RowKey => ['read', connection]

/** What was read: up to which `job`, of which `sync`, and the newest job that is `unread`. */
const readOf = async (connection: string, io: Io): Promise<KeyedRow['row'] | undefined> =>
  (await io.peek(peek => peek.row(keyOf(connection)))) as KeyedRow['row'] | undefined

const lists = (jobs: readonly Job[], wanted: string): boolean => jobs.some(({ id }) => id === wanted)

/** Nothing says what a cancelled job did. */
const mayHaveDeleted = ({ deleted }: Job): boolean => deleted === undefined || deleted > 0

async function everything(api: Api, connection: string, sync: string, io: Io): Promise<ReadBack> {
  const { chunks, whole } = await api.chunks({ sync }, io)
  const records = regrouped(chunks, connection)
  const known = await knownOf('entities', connection, io)
  const there = new Set(records.map(({ id }) => id))
  const gone = [...known.keys()].filter(id => !there.has(id)).map(id => deleted('entities', id))
  return { group: connection, records: [...records.filter(one => known.get(one.id) !== one.version), ...gone], whole }
}

async function since(api: Api, connection: string, sync: string, jobs: readonly Job[], io: Io): Promise<ReadBack> {
  const records: RemoteRecord[] = []
  let whole = true
  for (const job of jobs.toReversed()) {
    const read = await api.chunks({ sync, job: job.id }, io)
    whole &&= read.whole
    records.push(...regrouped(read.chunks, connection))
  }
  return { group: connection, records, whole }
}
