/** What a transaction touched, gathered while it runs and told to all who watch once it is committed. */
import { type Space, spaces, type Touched } from '../../store.ts'

/** More ids than this are told as "anything in this collection". */
const mostIds = 1000

export interface TouchLog {
  records(collection: string, records: readonly { readonly id: string }[]): void
  rows(space: Space): void
  /** Empty: nothing was written. */
  list(): readonly Touched[]
}

export function touchLog(): TouchLog {
  const records = new Map<string, Set<string>>()
  const rows = new Set<Space>()
  return {
    records: (collection, touched) => {
      const ids = records.get(collection) ?? new Set()
      records.set(collection, ids)
      for (const { id } of touched) if (ids.size <= mostIds) ids.add(id)
    },
    rows: space => void rows.add(space),
    list: () => [
      ...Array.from(records, ([collection, ids]) =>
        ids.size > mostIds ? { collection } : { collection, ids: [...ids] },
      ),
      ...Array.from(rows, space => ({ space })),
    ],
  }
}

/** What another context told: anything that is no such list may mean anything (S21). */
export function touchedIn(message: unknown): readonly Touched[] {
  return Array.isArray(message) && message.every(isTouched) ? message : [{}]
}

function isTouched(one: unknown): one is Touched {
  if (typeof one !== 'object' || one === null) return false
  const { collection, ids, space } = one as { readonly [name: string]: unknown }
  return (
    (collection === undefined || typeof collection === 'string') &&
    (ids === undefined || (Array.isArray(ids) && ids.every(id => typeof id === 'string'))) &&
    (space === undefined || spaces.includes(space as Space))
  )
}

export interface Listeners {
  add(listener: (touched: readonly Touched[]) => void): () => void
  tell(touched: readonly Touched[]): void
  clear(): void
  readonly size: number
}

export function listeners(): Listeners {
  const all = new Set<{ readonly hear: (touched: readonly Touched[]) => void }>()
  return {
    add: hear => {
      const listener = { hear }
      all.add(listener)
      return () => void all.delete(listener)
    },
    // In a promise of its own each: what a listener throws is an unhandled rejection, and nobody else's trouble.
    tell: touched => {
      for (const listener of all) {
        void Promise.resolve().then(() => all.has(listener) && listener.hear(touched))
      }
    },
    clear: () => all.clear(),
    get size() {
      return all.size
    },
  }
}
