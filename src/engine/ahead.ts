/**
 * A receipt may show a record as the feed will show it later: what the feed shows of it before that came before it. What
 * cannot be told from news is put aside until the pull has reached the present.
 */
import { equal, sameBase } from '../equal.ts'
import type { Ahead } from '../ledger/rows.ts'
import type { RemoteRecord } from '../model.ts'

export const nameOf = ({ collection, id }: Pick<RemoteRecord, 'collection' | 'id'>): string => `${collection}\n${id}`

/** Together with what receipts showed since. */
export const withShown = (ahead: Ahead | undefined, shown: readonly RemoteRecord[]): Ahead => ({
  ...ahead,
  ...Object.fromEntries(
    shown.map(remote => [nameOf(remote), { shown: { value: remote.value, version: remote.version } }]),
  ),
})

/** What was put aside and not explained: news after all. */
export const asideOf = (ahead: Ahead | undefined): RemoteRecord[] =>
  Object.values(ahead ?? {}).flatMap(({ aside }) => aside ?? [])

export interface Waiting {
  /** Whether this row of a feed may be older than what a receipt showed: then it is not to be met now. */
  puts(remote: RemoteRecord): boolean
  /** It is no part of what is synced any more. */
  forget(source: string, id: string): void
  readonly rest: () => Ahead | undefined
}

export function waitingIn(ahead: Ahead | undefined, snapshot: boolean): Waiting {
  const open = new Map(Object.entries(ahead ?? {}))
  return {
    puts(remote) {
      const name = nameOf(remote)
      const one = open.get(name)
      if (one === undefined) return false
      const { shown } = one
      const reached = sameBase(shown, remote) || remote.past?.some(({ version }) => equal(version, shown.version))
      if (reached || snapshot || remote.subtree || remote.order !== undefined) {
        open.delete(name)
        return false
      }
      open.set(name, { shown, aside: remote })
      return true
    },
    forget: (collection, id) => void open.delete(nameOf({ collection, id })),
    rest: () => (open.size === 0 ? undefined : Object.fromEntries(open)),
  }
}
