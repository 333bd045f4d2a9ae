/** The judge's eyes on a store: what each transaction of each tab looked at and put, without a step of its own. */
import type {
  KeyedRow,
  RecordWriter,
  Row,
  RowReader,
  RowWriter,
  Space,
  StoreDriver,
  Stored,
  Writer,
} from '../../src/store.ts'

export interface RowSeen extends KeyedRow {
  readonly space: Space
}

/** One transaction that is about to commit: it may still fail, and nothing more is added to it. */
export interface Deed {
  /** Records that it asked for or put, as `collection/id`. */
  readonly met: Set<string>
  /** What it put, and over what where that is a record of the tree. */
  readonly records: { readonly collection: string; readonly before: Stored | undefined; readonly after: Stored }[]
  /** Who leads and where it is, as it found that before it put anything there. */
  readonly found: RowSeen[]
  readonly put: RowSeen[]
  readonly gone: Omit<RowSeen, 'row'>[]
}

export interface Eyes {
  /** A row of `meta` or `checkpoints` that is in the store: whoever reads sees what is committed. */
  readonly found: (row: RowSeen) => void
  readonly done: (deed: Deed) => void
}

/** Only what is put into `traced` is known with what it replaced: that costs the transaction a read. */
export function observed(driver: StoreDriver, traced: string, eyes: Eyes): StoreDriver {
  return {
    name: driver.name,
    async open(shape, platform) {
      const store = await driver.open(shape, platform)
      return {
        ...store,
        read: (scope, work) =>
          store.read(scope, tx =>
            work({ records: name => tx.records(name), rows: space => readerOf(tx.rows(space), space, eyes.found) }),
          ),
        write: (scope, work, options) =>
          store.write(
            scope,
            async tx => {
              const deed: Deed = { met: new Set(), records: [], found: [], put: [], gone: [] }
              const result = await work(spied(tx, traced, deed))
              for (const row of deed.found) eyes.found(row)
              eyes.done(deed)
              return result
            },
            options,
          ),
      }
    },
  }
}

function spied(tx: Writer, traced: string, deed: Deed): Writer {
  return {
    records(collection) {
      const records = tx.records(collection)
      const meet = (ids: readonly string[]) => {
        for (const id of ids) deed.met.add(`${collection}/${id}`)
      }
      return {
        ...recordsOf(records),
        get: id => {
          meet([id])
          return records.get(id)
        },
        getMany: ids => {
          meet(ids)
          return records.getMany(ids)
        },
        async putMany(list) {
          const ids = list.map(one => one.id)
          const before = collection === traced ? await records.getMany(ids) : []
          meet(ids)
          for (const [at, after] of list.entries()) deed.records.push({ collection, before: before[at], after })
          await records.putMany(list)
        },
      }
    },
    rows(space) {
      const rows = tx.rows(space)
      return {
        ...readerOf(rows, space, row => {
          // What it put itself is not in the store yet.
          if (!deed.put.some(one => one.space === space && sameKey(one.key, row.key))) deed.found.push(row)
        }),
        append: (prefix, row) => rows.append(prefix, row),
        putMany(list) {
          deed.put.push(...list.map(one => ({ ...one, space })))
          return rows.putMany(list)
        },
        deleteMany(keys) {
          deed.gone.push(...keys.map(key => ({ key, space })))
          return rows.deleteMany(keys)
        },
      } satisfies RowWriter
    },
  }
}

const sameKey = (one: KeyedRow['key'], other: KeyedRow['key']): boolean => one.join('\n') === other.join('\n')

// A proxy's members are not its own, so a spread would lose them.
const recordsOf = (records: RecordWriter): RecordWriter => ({
  get: id => records.get(id),
  getMany: ids => records.getMany(ids),
  list: query => records.list(query),
  count: query => records.count(query),
  putMany: list => records.putMany(list),
  deleteMany: ids => records.deleteMany(ids),
})

const telling: ReadonlySet<Space> = new Set<Space>(['meta', 'checkpoints'])

function readerOf(rows: RowReader, space: Space, see: (row: RowSeen) => void): RowReader {
  const note = (key: KeyedRow['key'], row: Row | undefined) => {
    if (row !== undefined && telling.has(space)) see({ space, key, row })
  }
  return {
    async get(key) {
      const row = await rows.get(key)
      note(key, row)
      return row
    },
    async getMany(keys) {
      const list = await rows.getMany(keys)
      for (const [at, key] of keys.entries()) note(key, list[at])
      return list
    },
    list: query => rows.list(query),
    count: query => rows.count(query),
  }
}
