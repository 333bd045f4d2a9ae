/**
 * Runs work inside a transaction, and holds it to the law: it awaits nothing but the transaction. IndexedDB commits the
 * moment it has nothing left to do, so that work which waits for something else would be committed half done.
 */
import type { RecordWriter, RowWriter, Writer } from '../../store.ts'
import { ended } from '../shared/checked.ts'
import { idbError } from './errors.ts'

/** Work that continues at all continues within so many microtasks; with more it costs one idle request. */
const mostTicks = 100

/** `use` gets `raw` with its failures as SyncErrors. Throws 'bug' where it awaits anything else; the caller aborts. */
export async function lawful<T>(
  transaction: IDBTransaction,
  raw: Writer,
  use: (raw: Writer) => Promise<T>,
): Promise<T> {
  let pending = 0
  let round = 0
  let finished = false
  let breaks: (error: unknown) => void
  const broken = new Promise<never>((_, reject) => {
    breaks = reject
  })

  function counted<Given extends unknown[], Result>(act: (...given: Given) => Promise<Result>) {
    return async (...given: Given): Promise<Result> => {
      pending++
      try {
        return await act(...given)
      } catch (error) {
        throw idbError(error)
      } finally {
        pending--
        void watch()
      }
    }
  }

  /** With nothing under way the work goes on now, is done, or waits for something foreign. */
  async function watch(): Promise<void> {
    const mine = ++round
    for (let tick = 0; tick < mostTicks; tick++) {
      if (finished || pending > 0 || mine !== round) return
      await undefined
    }
    askIdly()
  }

  /** Keeps the transaction alive until all microtasks have run. */
  function askIdly(): void {
    const judge = () => {
      if (!finished && pending === 0) breaks(ended())
    }
    try {
      const request = transaction.objectStore(transaction.objectStoreNames[0]!).get('')
      request.addEventListener('success', judge)
      request.addEventListener('error', judge)
    } catch {
      judge() // it is over already
    }
  }

  try {
    const running = use(through(raw, counted))
    void watch()
    return await Promise.race([running, broken])
  } finally {
    finished = true
  }
}

type Through = <Given extends unknown[], Result>(
  act: (...given: Given) => Promise<Result>,
) => (...given: Given) => Promise<Result>

function through(raw: Writer, wrapped: Through): Writer {
  return {
    records: name =>
      recordsThrough(
        opened(() => raw.records(name)),
        wrapped,
      ),
    rows: space =>
      rowsThrough(
        opened(() => raw.rows(space)),
        wrapped,
      ),
  }
}

function recordsThrough(raw: RecordWriter, wrapped: Through): RecordWriter {
  return {
    get: wrapped(raw.get),
    getMany: wrapped(raw.getMany),
    list: wrapped(raw.list),
    count: wrapped(raw.count),
    putMany: wrapped(raw.putMany),
    deleteMany: wrapped(raw.deleteMany),
  }
}

function rowsThrough(raw: RowWriter, wrapped: Through): RowWriter {
  return {
    get: wrapped(raw.get),
    getMany: wrapped(raw.getMany),
    list: wrapped(raw.list),
    count: wrapped(raw.count),
    putMany: wrapped(raw.putMany),
    deleteMany: wrapped(raw.deleteMany),
    append: wrapped(raw.append),
  }
}

function opened<Table>(open: () => Table): Table {
  try {
    return open()
  } catch (error) {
    throw idbError(error)
  }
}
