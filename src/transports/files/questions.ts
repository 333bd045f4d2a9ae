/** The server's own questions: kept with the change, answered, and what came of it (section 6 of the API page). */
import { sameValue } from '../../equal.ts'
import type { Change, Json, Receipt, RemoteRecord } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { text } from '../shared/shape.ts'
import type { Api } from './api.ts'
import type { ConflictInfo, ServerStrategy } from './conflicts.ts'
import { type Kind, versionOf } from './ids.ts'
import { rowsSince } from './places.ts'
import type { Work } from './plan.ts'
import { deleted, lostOf, present, recordOf, stillTheirs } from './verdicts.ts'
import { asTreeRow } from './wire.ts'

type Settled = Extract<Receipt, { readonly state: 'settled' }> & { readonly remote: RemoteRecord }

/** The server's question about a change, as it is kept with the change. */
export interface Ticket {
  readonly conflict: string
  /** The entry that it is about: another one where a name was taken. */
  readonly record: string
  /** The version of ours that waits there. */
  readonly version: string
  /** Of ours: what was made here and is deleted again says neither. */
  readonly share: string
  readonly kind: Kind
}

const RESOLUTION = { local: 'CLIENT_WINS', remote: 'SERVER_WINS', both: 'KEEP_BOTH' } as const satisfies {
  readonly [answer in NonNullable<Change['answer']>]: ServerStrategy
}

export function ticketOf(ticket: Json | undefined): Ticket | undefined {
  const [conflict, record, version, share = ''] = ['conflict', 'record', 'version', 'share'].map(key =>
    text(ticket, key),
  )
  const kind = text(ticket, 'kind') === 'folder' ? 'folder' : 'file'
  return conflict === undefined || record === undefined || version === undefined
    ? undefined
    : { conflict, record, version, share, kind }
}

/** The server keeps the question open. */
export async function questionOf(api: Api, work: Work, open: ConflictInfo, io: Io): Promise<Receipt> {
  const { change } = work.change
  const there = (await present(api, work, open.resource, io)) ?? deleted(open.resource, open.serverVersion)
  const version = open.clientVersion ?? versionOf(change)
  const ticket = { conflict: open.id, record: open.resource, version, share: work.share, kind: work.kind }
  return { change, state: 'conflict', remote: { ...there, ticket } }
}

/** Tells the server what the user answered, and what came of it. */
export async function answered(
  api: Api,
  change: Change & { readonly answer: NonNullable<Change['answer']> },
  ticket: Ticket,
  io: Io,
): Promise<Receipt> {
  const how = await api.conflicts.resolve(ticket.conflict, RESOLUTION[change.answer], io)
  if (how === 'closed') return closed(api, change, ticket, RESOLUTION[change.answer], io)
  const all = how === 'gone' ? [] : await api.conflicts.list({ share: shareOf(change), resolved: true }, io)
  const record = all.find(one => one.id === ticket.conflict)
  if (record === undefined || record.resolution !== undefined)
    return closed(api, change, ticket, record?.resolution, io)
  const message = how === 'forbidden' ? 'does not let this account settle a conflict.' : 'cannot settle a conflict so.'
  io.notice({ code: 'remark', message: `The file server ${message}` })
  return questionOf(api, asWork(change), record, io)
}

/** Receipts for those of these questions that are open no more. */
export async function answeredElsewhere(api: Api, changes: readonly Change[], io: Io): Promise<Receipt[]> {
  const receipts: Receipt[] = []
  for (const share of new Set(changes.map(shareOf))) {
    const open = new Set((await api.conflicts.list({ share }, io)).map(({ id }) => id))
    const over = changes.flatMap(change => {
      const ticket = ticketOf(change.ticket)
      return shareOf(change) !== share || ticket === undefined || open.has(ticket.conflict) ? [] : [{ change, ticket }]
    })
    const all = over.length === 0 ? [] : await api.conflicts.list({ share, resolved: true }, io)
    for (const { change, ticket } of over) {
      const resolution = all.find(({ id }) => id === ticket.conflict)?.resolution
      receipts.push(await closed(api, change, ticket, resolution, io))
    }
  }
  return receipts
}

/** An answer names no version: it may have run over what came since anybody here looked. */
async function closed(
  api: Api,
  change: Change,
  ticket: Ticket,
  resolution: string | undefined,
  io: Io,
): Promise<Receipt> {
  const work = asWork(change)
  const receipt = await closedBy(api, work, ticket, resolution, io)
  const { take } = receipt.verdict
  if (take !== 'local' && take !== 'merged') return receipt
  const rows = await rowsSince(api, work, row => row.id === ticket.record, Number.POSITIVE_INFINITY, io)
  const ours = rows.findIndex(({ version }) => version !== undefined && isPinned(version, ticket))
  const last = rows[ours - 1]
  if (last === undefined) return receipt
  const clash = { id: ticket.conflict, resource: ticket.record, ...(last.version && { serverVersion: last.version }) }
  const known = stillTheirs(change, asTreeRow(receipt.remote.value))
  return { ...receipt, lost: await lostOf(api, work, clash, last, known, io) }
}

/** What is there after a question was closed, told by whose version it is. */
async function closedBy(
  api: Api,
  work: Work,
  ticket: Ticket,
  resolution: string | undefined,
  io: Io,
): Promise<Settled> {
  const { change } = work
  const settled = { change: change.change, state: 'settled' } as const
  const own = await present(api, work, change.id, io)
  const other = ticket.record === change.id ? undefined : await present(api, work, ticket.record, io)
  const ours = (one: RemoteRecord | undefined) => one !== undefined && isPinned(one.version, ticket)
  const rest = own ?? (change.base === null ? other : undefined) ?? deleted(change.id)
  if (resolution === 'SERVER_WINS' || resolution === 'MANUAL')
    return { ...settled, verdict: { take: 'remote' }, remote: rest }
  if (own !== undefined && (ours(own) || change.base === null)) {
    const renamed = change.value !== null && own.value?.name !== change.value.name
    if (renamed) return { ...settled, verdict: { take: 'both' }, copies: [own], remote: other ?? own }
    return { ...settled, verdict: verdictBy(change, own), remote: own }
  }
  if (ours(other)) return { ...settled, verdict: { take: 'local' }, remote: other! }
  if (resolution === 'CLIENT_WINS') return { ...settled, verdict: verdictBy(change, rest), remote: rest }
  const copy = own && (await copyBeside(api, own, ticket, io))
  if (copy) return { ...settled, verdict: { take: 'both' }, copies: [copy], remote: own }
  return { ...settled, verdict: { take: 'remote' }, remote: rest }
}

/** Somebody may have gone on from ours, or only a part of it was in question. */
const verdictBy = (change: Change, there: RemoteRecord) =>
  sameValue(change.value, there.value)
    ? ({ take: 'local' } as const)
    : ({ take: 'merged', value: there.value } as const)

/** The version that waited, or the last step of the same change. */
const isPinned = (version: Json, { version: pinned }: Ticket): boolean =>
  typeof version === 'string' && version.replace(/_\d+$/, '') === pinned.replace(/_\d+$/, '')

async function copyBeside(api: Api, own: RemoteRecord, ticket: Ticket, io: Io): Promise<RemoteRecord | undefined> {
  const row = asTreeRow(own.value)
  if (row === undefined) return undefined
  const { entries } = await api.children(row.share, row.parent === row.share ? 'root' : row.parent, io)
  const copy = entries.find(
    entry => entry.id !== own.id && entry.version !== undefined && isPinned(entry.version, ticket),
  )
  return copy && recordOf(copy)
}

function asWork(change: Change): Work {
  const value = asTreeRow(change.value)
  const { share = '', kind = 'file' } = value ?? asTreeRow(change.base?.value) ?? ticketOf(change.ticket) ?? {}
  return { change, share, kind, items: [], value: value ?? null, id: change.id }
}

const shareOf = (change: Change): string => asWork(change).share
