/**
 * Tables of plain rows in memory, with transactions, an optional disk behind them, and snapshots.
 * A transaction is synchronous: it commits (disk first) before anybody is answered, or leaves no trace.
 */
export function tables(disk?: Disk): Tables {
  const all = new Map<string, Inner>()
  let undo: Undo[] | undefined

  const edit = (inner: Inner, id: string, row: unknown) => {
    if (!undo) throw new Error(`A row of ${inner.name} was written outside a transaction.`)
    undo.push({ inner, id, before: inner.rows.get(id) })
    inner.set(id, row)
  }

  const transact = <T>(work: () => T): T => {
    if (undo) return work()
    undo = []
    try {
      const result = work()
      if (undo.length > 0) disk?.save(edits(undo))
      return result
    } catch (error) {
      for (const { inner, id, before } of undo.reverse()) inner.set(id, before)
      throw error
    } finally {
      undo = undefined
    }
  }

  return {
    table<Row>(name: string, keys: Readonly<Record<string, Key<Row>>> = {}): Table<Row> {
      const inner = indexed(name, keys as Readonly<Record<string, Key<unknown>>>)
      all.set(name, inner)
      for (const [id, row] of disk?.load(name) ?? []) inner.set(id, row)
      return {
        get: id => inner.rows.get(id) as Row | undefined,
        put: (id, row) => edit(inner, id, row),
        drop: id => edit(inner, id, undefined),
        all: () => [...inner.rows.values()] as Row[],
        by: (key, value) => [...(inner.groups.get(`${key}\n${value}`)?.values() ?? [])] as Row[],
      }
    },
    transact,
    busy: () => undo !== undefined,
    snapshot: () => new Map([...all].map(([name, inner]) => [name, new Map(inner.rows)])),
    restore(snapshot) {
      transact(() => {
        for (const [name, inner] of all) {
          const rows = snapshot.get(name) ?? new Map<string, unknown>()
          for (const id of [...inner.rows.keys()]) if (!rows.has(id)) edit(inner, id, undefined)
          for (const [id, row] of rows) if (inner.rows.get(id) !== row) edit(inner, id, row)
        }
      })
    },
    close: () => disk?.close(),
  }
}

/** Rows are immutable: a change is another row under the same id. */
export type Table<Row> = {
  readonly get: (id: string) => Row | undefined
  readonly put: (id: string, row: Row) => void
  readonly drop: (id: string) => void
  readonly all: () => readonly Row[]
  readonly by: (key: string, value: string) => readonly Row[]
}

export type Snapshot = ReadonlyMap<string, ReadonlyMap<string, unknown>>

export type Tables = {
  readonly table: <Row>(name: string, keys?: Readonly<Record<string, Key<Row>>>) => Table<Row>
  readonly transact: <T>(work: () => T) => T
  /** Whether a transaction is running. */
  readonly busy: () => boolean
  readonly snapshot: () => Snapshot
  readonly restore: (snapshot: Snapshot) => void
  readonly close: () => void
}

/** The persistence seam. `save` takes one transaction's edits and returns when they survive the end of the process. */
export type Disk = {
  readonly load: (table: string) => Iterable<readonly [id: string, row: unknown]>
  readonly save: (edits: readonly Edit[]) => void
  readonly close: () => void
}

export type Edit = { readonly table: string; readonly id: string; readonly row: unknown }

type Key<Row> = (row: Row) => string | undefined
type Inner = ReturnType<typeof indexed>
type Undo = { readonly inner: Inner; readonly id: string; readonly before: unknown }

function indexed(name: string, keys: Readonly<Record<string, Key<unknown>>>) {
  const rows = new Map<string, unknown>()
  const groups = new Map<string, Map<string, unknown>>()

  const group = (row: unknown, visit: (group: string) => void) => {
    for (const [key, of] of Object.entries(keys)) {
      const value = of(row)
      if (value !== undefined) visit(`${key}\n${value}`)
    }
  }

  return {
    name,
    rows,
    groups,
    set(id: string, row: unknown) {
      const before = rows.get(id)
      if (before !== undefined) group(before, key => groups.get(key)?.delete(id))
      if (row === undefined) return void rows.delete(id)
      rows.set(id, row)
      group(row, key => groups.set(key, (groups.get(key) ?? new Map()).set(id, row)))
    },
  }
}

function edits(undo: readonly Undo[]): readonly Edit[] {
  const touched = new Map(undo.map(({ inner, id }) => [`${inner.name}\n${id}`, { inner, id }]))
  return [...touched.values()].map(({ inner, id }) => ({ table: inner.name, id, row: inner.rows.get(id) }))
}
