/** What was attempted, in the words of the judge: cells with values that exist only once. */
import type { Value } from '../../src/model.ts'
import type { InboxItem } from './app.ts'
import type { Entry, Write } from './oracle.ts'

export type Cells = ReadonlyMap<string, string>

export interface History {
  readonly writes: Write[]
  readonly revived: Set<string>
  /** Writes of bytes of which it is known what they replaced. */
  readonly placed: Set<Write>
  /** Fresh text that nobody else writes. */
  readonly token: (op: number | string, part: string) => string
  /** Records that somebody deleted, and when in virtual milliseconds: nothing else may leave that device as a delete. */
  readonly deletes: { readonly by: string; readonly record: string; readonly at: number }[]
  /** `cell value` of creations that took effect again after somebody else had deleted them. */
  readonly remade: Set<string>
  /** `cell value` of what the server had, lost, and had again. */
  readonly shownAgain: Set<string>
  /** `cell value`, or `cell the delete of value`, of what was at the server and run over there by a device that no answer had shown it, nor will. */
  readonly unseen: Set<string>
  /** By device and value: the `cell value` that it ran over where a log still has it. Once shown to it, that is in `unseen` no more. */
  readonly untold: Map<string, string>
  /** `cell value` of what was run over on an old version, which a life since counts anew, by somebody whom nothing had shown it. */
  readonly mistaken: Set<string>
  /** `cell value` of what was deleted, and followed there by what somebody else made without knowing of it. */
  readonly relived: Set<string>
  /** `cell value` of what a request ran over that came a second time, where nothing is guarded and a log tells of it. */
  readonly overrun: Set<string>
  /** What a version of the file server was that a request with changes met there. */
  readonly met: Map<string, Cells>
  /** Which token some bytes are, by their SHA-256. */
  readonly bytes: Map<string, string>
  /** Notes what a writer does to a record, cell by cell; call it inside the transaction. */
  readonly attempt: (by: string, before: Cells, after: Cells) => Write[]
}

export function historyOf(): History {
  const writes: Write[] = []
  return {
    writes,
    revived: new Set(),
    placed: new Set(),
    bytes: new Map(),
    deletes: [],
    remade: new Set(),
    shownAgain: new Set(),
    unseen: new Set(),
    untold: new Map(),
    mistaken: new Set(),
    relived: new Set(),
    overrun: new Set(),
    met: new Map(),
    token: (op, part) => `t${op}${part}`,
    attempt(by, before, after) {
      const made: Write[] = []
      for (const cell of new Set([...before.keys(), ...after.keys()])) {
        const [over, value] = [before.get(cell) ?? null, after.get(cell) ?? null]
        if (over !== value) made.push({ n: writes.length + made.length, cell, by, value, over, acked: false })
      }
      writes.push(...made)
      return made
    },
  }
}

const none: Cells = new Map()

/** A note is one cell, or one per field where fields are settled apart. */
export function noteCells(id: string, value: Value | null | undefined, byField: boolean, collection = 'notes'): Cells {
  if (value == null) return none
  const own = `${collection}/${id}`
  // Several events may have one name: each is a cell of its own.
  if (isEvent(id)) return new Map([[`${nameOfEvent(own)}=${value.text ?? value.a}`, String(value.text ?? value.a)]])
  // What two sides have in common may be less than a note.
  if (!byField) return value.text === undefined ? none : new Map([[own, String(value.text)]])
  const cells = new Map<string, string>()
  for (const [field, held] of Object.entries(value)) {
    if (Array.isArray(held)) for (const tag of held) cells.set(`${own}#${field}/${tag}`, String(tag))
    else if (field !== 'n' && !field.startsWith('$')) cells.set(`${own}#${field}`, String(held))
  }
  return cells
}

const EVENT = /:[0-9a-f]{32}:/

/** A record of an immutable stream is named after its content too. */
export const isEvent = (id: string): boolean => EVENT.test(id)
export const nameOfEvent = (id: string): string => id.replace(EVENT, ':*:')

/** A tree entry is two cells: where it is, and what is in it. */
export function treeCells(id: string, value: Value | null | undefined, bytes: ReadonlyMap<string, string>): Cells {
  if (value == null) return none
  const cells = new Map<string, string>()
  const name = nameToken(String(value.name))
  // A name that several give on purpose says nothing about who gave it.
  if (!name.startsWith('t-same')) cells.set(`tree/${id}#place`, name)
  if (typeof value.sha256 === 'string') cells.set(`tree/${id}#bytes`, bytes.get(value.sha256) ?? value.sha256)
  return cells
}

export const nodeCells = (
  { id, path, sha256 }: { readonly id: string; readonly path: string; readonly sha256: string | null },
  bytes: ReadonlyMap<string, string>,
): Cells => treeCells(id, { name: path.slice(path.lastIndexOf('/') + 1), sha256 }, bytes)

/** The part of a name that is ours, whatever a conflicted copy put behind it. */
export const nameToken = (name: string): string => /^t[\w-]+/.exec(name)?.[0] ?? name

export function entriesOf(
  by: string,
  items: readonly InboxItem[],
  cellsOf: (collection: string, id: string, value: Value | null | undefined) => Cells,
): Entry[] {
  return items.flatMap(item => {
    const sides = [item.base, item.local, item.theirs].map(side => ({
      there: side != null,
      gone: side?.value === null,
      cells: cellsOf(item.collection, item.record, side?.value),
    }))
    const below = (item.below ?? []).map(one => ({ ...one, cells: cellsOf(item.collection, one.id, one.value) }))
    const cells = new Set(sides.flatMap(side => [...side.cells.keys()]))
    const common = { by, open: item.state === 'open', byUser: item.by === 'app' || item.state === 'undone' }
    const copy = item.copy === undefined ? undefined : `${item.collection}/${item.copy}`
    const own = [...cells].map(cell => {
      const [base, local, remote] = sides.map(side => side.cells.get(cell) ?? (side.gone ? null : undefined))
      return { ...common, cell, base, local, remote, copy }
    })
    const others = below.flatMap(one =>
      [...one.cells].map(([cell, token]) => ({
        ...common,
        cell,
        base: undefined,
        local: token,
        remote: undefined,
        copy: undefined,
      })),
    )
    return [...own, ...others]
  })
}
