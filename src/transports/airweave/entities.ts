/**
 * What a connection synced, read back through search (section 9): what a job put there by the job's id, and everything
 * where something may be gone, because a search shows no deletions.
 */
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow } from '../../store.ts'
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

/** `holds`: whether the connection has entities. Its jobs may be forgotten, and a job may have brought none. */
export async function readBack(
  api: Api,
  connection: string,
  jobs: readonly Job[],
  holds: boolean,
  io: Io,
): Promise<ReadBack> {
  const key = ['read', connection]
  const row = (await io.peek(peek => peek.row(key))) as KeyedRow['row'] | undefined
  const last = text(row, 'job')
  const newest = jobs[0]?.id
  // A job that was seen and not read: it may be forgotten by the time that it is over.
  const unread = text(row, 'unread')
  const nothing = newest === undefined && row === undefined && !holds
  if (nothing || (newest === last && row !== undefined && unread === undefined))
    return { group: connection, records: [], whole: true }
  const later = (id: string | undefined, whole: boolean): ReadBack => {
    const put =
      row === undefined || id === undefined || unread !== undefined ? [] : [{ key, row: { ...row, unread: id } }]
    return { group: connection, records: [], ...(put.length > 0 && { rows: { put } }), whole }
  }
  // While one is at work, what search shows is neither before nor after it.
  if (jobs.some(job => !isOver(job))) return later(newest, row !== undefined)
  const sync = text(row, 'sync') ?? (await api.syncId(connection, io))
  if (sync === undefined) return { group: connection, records: [], whole: false }

  const at = jobs.findIndex(({ id }) => id === last)
  const news = at < 0 ? undefined : jobs.slice(0, at)
  const missed = unread !== undefined && !jobs.some(({ id }) => id === unread)
  const full = news === undefined || missed || news.length > MOST_JOBS || news.some(mayHaveDeleted)
  const read = full ? await everything(api, connection, sync, io) : await since(api, connection, sync, news, io)
  // A job that came meanwhile has changed what was being read: the next look begins anew.
  const [after] = (await api.jobs(connection, 1, io)) ?? []
  if (after?.id !== newest || !read.whole) {
    if (!read.whole) io.notice({ code: 'protocol', message: 'Search gave entities twice: they are read again.' })
    return later(after?.id, false)
  }
  return { ...read, rows: { put: [{ key, row: { job: newest ?? null, sync } }] } }
}

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
