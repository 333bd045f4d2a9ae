/**
 * What this device syncs of each share (section 8 of the API page). The server stores it and filters nothing: the feed
 * tells everything, and what is not selected is passed over here. Private rows: `['selection', share]` as it is in force.
 */
import { sameData } from '../../equal.ts'
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { KeyedRow } from '../../store.ts'
import type { Io } from '../../transport.ts'
import { flag, list } from '../shared/shape.ts'
import { type Preference, readPreferences } from './account.ts'
import { type Api, deviceGone } from './api.ts'
import { folderAt } from './places.ts'
import { covers, type Scope, segments } from './scope.ts'

export interface Selection {
  /** Otherwise neither pulled nor pushed; what is here stays as it is. */
  readonly enabled: boolean
  /** Folder ids; none: all of the share. */
  readonly selected: readonly string[]
  /** Folder ids that count even inside a selected folder. */
  readonly excluded: readonly string[]
}

/** By share; a share that nobody said anything about is synced whole. */
export type Selections = ReadonlyMap<string, Selection>

export const everything: Selection = { enabled: true, selected: [], excluded: [] }

export const selectionOf = (selections: Selections, share: string): Selection => selections.get(share) ?? everything

export const SWITCHED_OFF = 'This share is switched off for this device.'

/** Whether something of the share is not shown here. */
export const isPart = ({ selected, excluded }: Selection): boolean => selected.length > 0 || excluded.length > 0

export const sameSelection = (one: Selection, other: Selection): boolean => sameData(rowOf(one), rowOf(other))

/** As the server has it now. One that keeps no such thing, or says it in an unknown way, changes nothing here. */
export function asksSelections(api: Api, scope: Scope): (io: Io) => Promise<Selections> {
  let lacks = false
  return async io => {
    const answer = lacks ? undefined : await api.preferences(io)
    if (answer?.state === 'unknown') {
      if ((await api.own(io)) === 'gone') throw deviceGone()
      lacks = true
    }
    const said = answer?.state === 'said' ? read(answer.json, io) : undefined
    if (said === undefined) return storedSelections(io)
    const selections = new Map<string, Selection>()
    for (const { share, enabled, selected, excluded } of said.filter(one => covers(scope, one.share))) {
      const ids = (folders: readonly string[]) => (enabled ? idsOf(api, share, folders, io) : [...folders].sort())
      selections.set(share, { enabled, selected: await ids(selected), excluded: await ids(excluded) })
    }
    return selections
  }
}

function read(json: Json | undefined, io: Io): readonly Preference[] | undefined {
  try {
    return readPreferences(json)
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'protocol') throw error
    io.notice({ code: 'protocol', message: 'What this device is to sync cannot be read: it stays as it was.' })
    return undefined
  }
}

/** A folder may be named by its path; one that is not there matches nothing. */
async function idsOf(api: Api, share: string, folders: readonly string[], io: Io): Promise<string[]> {
  const ids = new Set<string>()
  for (const folder of folders) {
    const path = folder.startsWith('/') ? segments(folder) : []
    const id = path.length === 0 ? folder : await folderAt(api, share, path, io).catch(unseen)
    ids.add(id ?? folder)
  }
  return [...ids].sort()
}

function unseen(error: unknown): undefined {
  if (error instanceof SyncError && (error.code === 'missing' || error.code === 'forbidden')) return undefined
  throw error
}

export async function storedSelections(io: Io): Promise<Selections> {
  const rows = await io.peek(peek => peek.rows(['selection']))
  return new Map(rows.map(({ key, row }) => [String(key[1]), fromRow(row)]))
}

function fromRow(row: object): Selection {
  const ids = (name: string) => (list(row, name) ?? []).filter(id => typeof id === 'string')
  return { enabled: flag(row, 'enabled') ?? true, selected: ids('selected'), excluded: ids('excluded') }
}

export const selectionRow = (share: string, selection: Selection): KeyedRow => ({
  key: ['selection', share],
  row: rowOf(selection),
})

const rowOf = ({ enabled, selected, excluded }: Selection) => ({
  enabled,
  selected: [...selected],
  excluded: [...excluded],
})

/** Shares that are switched off. */
export const pausedIn = (selections: Selections): ReadonlySet<string> =>
  new Set([...selections].flatMap(([share, { enabled }]) => (enabled ? [] : [share])))
