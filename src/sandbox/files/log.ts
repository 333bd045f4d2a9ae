import { iso } from '../world.ts'
import { roleIn } from './access.ts'
import { ApiError } from './errors.ts'
import type { Knobs } from './knobs.ts'
import { type ChangeObject, type LogRow, mint, type State, type Tenant, type User } from './state.ts'

/** One mutation writes exactly one row. Positions are given inside the transaction, so they appear in commit order. */
export function append(state: State, entry: Entry): ChangeObject {
  const tenant = tenantOf(state, entry.tenant_id)
  const position = tenant.head + 1
  const { audience, at, ...rest } = entry
  const change: ChangeObject = { id: mint(state, 'chg'), ...rest, changed_at: iso(at) }
  state.tenants.put(tenant.id, { ...tenant, head: position })
  state.log.put(rowId(tenant.id, position), {
    position,
    tenant_id: tenant.id,
    share_id: entry.share_id,
    audience: audience ?? null,
    change,
  })
  return change
}

export type Entry = Omit<ChangeObject, 'id' | 'changed_at'> & {
  readonly at: number
  readonly audience?: readonly string[]
}

/** Scans at most `limit` rows, so a page can be empty while there is more. */
export function page(state: State, user: User, query: { share_id: string | null; after: number; limit: number }): Page {
  const tenant = tenantOf(state, user.tenant_id)
  if (query.after < tenant.floor) throw cursorInvalid('expired')
  const last = Math.min(tenant.head, query.after + query.limit)
  const rows = rowsBetween(state, tenant, query.after, last)
  return {
    rows: rows.filter(row => (query.share_id === null || row.share_id === query.share_id) && sees(state, user, row)),
    position: last,
    has_more: last < tenant.head,
  }
}

export type Page = { readonly rows: readonly LogRow[]; readonly position: number; readonly has_more: boolean }

export function rowsBetween(state: State, tenant: Tenant, after: number, last: number): readonly LogRow[] {
  const rows: LogRow[] = []
  for (let position = Math.max(after, tenant.floor) + 1; position <= last; position++) {
    const row = state.log.get(rowId(tenant.id, position))
    if (row) rows.push(row)
  }
  return rows
}

export function sees(state: State, user: User, row: LogRow): boolean {
  return row.audience ? row.audience.includes(user.id) : roleIn(state, user, row.share_id) !== undefined
}

export function tenantOf(state: State, id: string): Tenant {
  return state.tenants.get(id) ?? { id, head: 0, floor: 0 }
}

export const rowId = (tenant_id: string, position: number): string => `${tenant_id}/${position}`

/** A row as this server writes it: the vendor's may carry less metadata, or none. */
export function written(change: ChangeObject, knobs: Pick<Knobs, 'metadata'>): unknown {
  const { metadata, ...rest } = change
  if (knobs.metadata === 'absent') return rest
  if (knobs.metadata === 'full') return change
  const { size, mime_type } = metadata
  return { ...rest, metadata: size === undefined ? {} : { size, mime_type } }
}

const HUGE = 9_007_199_254_740_993n

/** A position as it travels. A number beyond 2^53 is written digit by digit: no JS number can hold it. */
export function writeCursor(position: number, knobs: Pick<Knobs, 'cursors'>): unknown {
  if (knobs.cursors === 'text') return `p${position.toString(36)}`
  return knobs.cursors === 'huge' ? rawJson(String(HUGE + BigInt(position))) : position
}

export function readCursor(text: string, tenant: Tenant, knobs: Pick<Knobs, 'cursors'>): number {
  const position = text === '0' ? 0 : parse(text, knobs.cursors)
  if (position === undefined) throw cursorInvalid('malformed')
  if (position > tenant.head) throw cursorInvalid('unknown')
  return position
}

function parse(text: string, form: Knobs['cursors']): number | undefined {
  if (form === 'text') return /^p[0-9a-z]{1,10}$/.test(text) ? Number.parseInt(text.slice(1), 36) : undefined
  if (!/^\d{1,20}$/.test(text)) return undefined
  const position = BigInt(text) - (form === 'huge' ? HUGE : 0n)
  return position < 0n ? undefined : Number(position)
}

function cursorInvalid(reason: 'malformed' | 'unknown' | 'expired'): ApiError {
  return new ApiError('SYNC_CURSOR_INVALID', `cursor is ${reason}`, { reason })
}

// The library types know no JSON.rawJSON yet.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON
