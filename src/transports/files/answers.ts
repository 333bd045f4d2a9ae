/** What an answer to apply says about each change (sections 0, 3 and 4 of the API page). */
import { sameValue } from '../../equal.ts'
import type { Json, Receipt, RejectCode, RemoteRecord } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { errorCode } from '../shared/failure.ts'
import type { Answer } from '../shared/http.ts'
import { count, list, member, text } from '../shared/shape.ts'
import { type Api, deviceGone, deviceInactive } from './api.ts'
import { type ConflictInfo, readConflict } from './conflicts.ts'
import { versionOf } from './ids.ts'

import type { Work } from './plan.ts'
import { questionOf } from './questions.ts'
import { verdictOf } from './verdicts.ts'
import { type Entry, treeRecord } from './wire.ts'

export interface Outcome {
  readonly state: 'answered'
  /** By version id. */
  readonly applied: ReadonlyMap<string, Json>
  readonly conflicts: readonly Json[]
}

export interface Refusal {
  readonly state: 'refused'
  readonly status: number
  readonly code: string | undefined
  /** The item that the server names as the reason. */
  readonly index: number | undefined
}

export function readAnswer({ status, json }: Answer): Outcome | Refusal {
  if (status < 300) {
    // The vendor's own keys are unverified: what is not understood is not mentioned, and so unknown.
    const applied = list(json, 'applied') ?? []
    const byVersion = applied.map(entry => [text(entry, 'version_id') ?? '', entry] as const)
    return { state: 'answered', applied: new Map(byVersion), conflicts: list(json, 'conflicts') ?? [] }
  }
  const index = count(member(member(json, 'error'), 'details'), 'index')
  return { state: 'refused', status, code: errorCode(json), index }
}

const LATER = 60_000

/** Receipts for the changes that were refused, or for `all` of the share where that is what is meant. */
export async function refused(
  api: Api,
  { status, code }: Refusal,
  changes: readonly string[],
  all: readonly string[],
  io: Io,
): Promise<Receipt[]> {
  if (status === 403 || status === 404) {
    const own = await api.own(io)
    if (own === 'gone') throw deviceGone()
    if (own === 'inactive') throw deviceInactive()
  }
  const later = { state: 'later', notBefore: io.now() + LATER } as const
  if (status === 404) {
    const lost = { ...later, code: 'missing', reason: 'The share cannot be reached any more.' } as const
    return all.map(change => ({ change, ...lost }))
  }
  const full = { ...later, code: 'remote-full', reason: 'The share is full.' } as const
  if (status === 507) return changes.map(change => ({ change, ...full }))
  if (status === 409) return changes.map(change => ({ change, state: 'conflict' }))
  const rejection = rejectionOf(status, code)
  return changes.map(change => ({ change, state: 'rejected', ...rejection }))
}

function rejectionOf(status: number, code: string | undefined): { readonly code: RejectCode; readonly reason: string } {
  if (status === 403) return { code: 'forbidden', reason: 'The file server does not allow this change.' }
  if (status === 413) return { code: 'too-large', reason: 'The file server does not take that much.' }
  if (code === 'CONTENT_MISSING') {
    return { code: 'content-missing', reason: 'The file server has no bytes for this file. Write them again.' }
  }
  return { code: 'invalid', reason: `The file server answered ${code ?? status}.` }
}

export async function receiptOf(api: Api, work: Work, answer: Outcome, io: Io): Promise<Receipt> {
  const { change } = work.change
  const entries = work.items.map(item => answer.applied.get(item.version_id))
  const outcomes = entries.map(entry => text(entry, 'outcome'))
  const last = entries.at(-1)
  const told = conflictsOf(work, answer)
  const open = told.find(({ resolution }) => resolution === undefined)
  if (open !== undefined) return questionOf(api, work, open, io)
  if (outcomes.some(outcome => outcome === undefined || !KNOWN.has(outcome))) return { change, state: 'unknown' }

  const id = text(last, 'resource_id') ?? work.id ?? undefined
  if (outcomes.includes('forbidden')) {
    return { change, state: 'rejected', code: 'forbidden', reason: 'The file server does not allow this change.' }
  }
  if (told.length > 0 || outcomes.some(outcome => outcome === 'superseded' || outcome === 'conflicted_copy')) {
    return verdictOf(api, work, told, outcomes as string[], id, io)
  }
  if (id === undefined) return { change, state: 'unknown' }
  const other = id === work.change.id ? {} : { id }
  if (work.value === null) return { change, state: 'accepted', version: versionOf(change) }
  if (outcomes.every(outcome => outcome === 'applied')) return { change, ...acceptedAs(work, id), ...other }

  // Nothing was done, or more than was asked: the version that counts now is the server's.
  const entry = await now(api, work, id, io)
  // It became one with what was there, and that is gone by now: asked for again, it would be said again.
  if (entry === undefined && work.items[0]?.change_type === 'created') {
    return { change, state: 'conflict', remote: goneSince(work) }
  }
  if (entry?.value === undefined) return { change, state: 'unknown' }
  const remote = treeRecord(id, entry.value, entry.version, entry.number, entry.at)
  return {
    change,
    state: 'accepted',
    version: remote.version,
    ...(sameValue(entry.value, work.change.value) ? {} : { remote }),
    ...other,
  }
}

const KNOWN = new Set(['applied', 'noop', 'merged', 'remapped', 'conflicted_copy', 'superseded', 'forbidden'])

function acceptedAs({ change, value }: Work, id: string) {
  const version = versionOf(change.change)
  const same = value === null || sameValue(value, change.value)
  const remote = same ? undefined : treeRecord(id, value, version, undefined, change.at.time)
  return { state: 'accepted', version, ...(remote === undefined ? {} : { remote }) } as const
}

const goneSince = ({ change }: Work): RemoteRecord => ({
  collection: 'tree',
  id: change.id,
  value: null,
  version: { gone: versionOf(change.change) },
})

/** The server's records of what this change clashed with: by our version, or open about the same entry. */
function conflictsOf(work: Work, { conflicts, applied }: Outcome): readonly ConflictInfo[] {
  const versions = work.items.map(item => item.version_id)
  const known = conflicts.map(readConflict).filter(one => one !== undefined)
  const own = known.filter(one => one.clientVersion !== undefined && versions.includes(one.clientVersion))
  if (own.length > 0 || versions.every(version => applied.has(version))) return own
  // A server that leaves the version out.
  return known.filter(one => one.resource === work.id)
}

/** The entry as the server has it now. */
async function now(api: Api, { kind, share, value }: Work, id: string, io: Io): Promise<Entry | undefined> {
  const entry = await api.entry(kind, id, share, io)
  if (entry !== undefined || kind === 'file' || value === null) return entry
  // A server without `GET /folders/{id}`: its parent lists it.
  const { entries } = await api.children(share, value.parent === share ? 'root' : value.parent, io)
  return entries.find(one => one.id === id)
}
