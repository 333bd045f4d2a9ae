/** The rows of the graph: what is there, what was, and in which order it changed. */
import {
  containerKey,
  count,
  type InstanceRow,
  instanceKey,
  type Reference,
  referenceKey,
  type State,
  type View,
} from '../state.ts'

export type Graph = ReturnType<typeof graphOf>

export function graphOf(state: State, kept: () => number) {
  let ordered: { readonly head: number; readonly size: number; readonly rows: readonly InstanceRow[] } | undefined

  const head = (): number => (state.counters.get('instances')?.next ?? 1) - 1
  const purge = () => {
    const past = state.now() - kept()
    const gone = state.instances.all().filter(({ deletedTime }) => deletedTime !== null && deletedTime <= past)
    if (gone.length === 0) return
    state.tables.transact(() => {
      for (const { id } of gone) state.instances.drop(id)
    })
  }
  let purgedAt = Number.NEGATIVE_INFINITY

  return {
    state,
    head,
    live: (it: Reference & { readonly instanceType: 'node' | 'edge' }): InstanceRow | undefined =>
      state.instances.by('live', instanceKey(it))[0],

    /** All rows in the order of their last change. */
    rows(): readonly InstanceRow[] {
      // Time takes tombstones away, but not so often that it is worth a look each time.
      if (state.now() - purgedAt > 1_000 || state.now() < purgedAt) {
        purge()
        purgedAt = state.now()
      }
      const all = state.instances.all()
      if (ordered?.head !== head() || ordered.size !== all.length) {
        ordered = { head: head(), size: all.length, rows: [...all].sort((one, other) => one.order - other.order) }
      }
      return ordered.rows
    },

    /** The edges that hang on a node. */
    edgesOf(node: Reference): InstanceRow[] {
      const at = referenceKey(node)
      const ends = state.instances.by('end', at).filter(({ startNode }) => referenceKey(startNode!) !== at)
      return [...state.instances.by('start', at), ...ends]
    },

    put(row: Omit<InstanceRow, 'order'>): InstanceRow {
      const next = { ...row, order: count(state, 'instances') }
      state.instances.put(next.id, next)
      return next
    },

    newId: (): string => String(count(state, 'instance ids')).padStart(12, '0'),
  }
}

/** Whether a row has data in a container. */
export const hasData = (row: InstanceRow, container: Reference): boolean =>
  row.data[container.space]?.[container.externalId] !== undefined

/** Whether rows have data in all containers of a view, or in a container. */
export function holdsData(source: Source): (row: InstanceRow) => boolean {
  if (source.view === undefined) return row => hasData(row, source.container)
  const containers = new Map(
    Object.values(source.view.properties).map(({ container }) => [containerKey(container), container]),
  )
  const all = [...containers.values()]
  return row => all.length > 0 && all.every(one => hasData(row, one))
}

export type Source =
  | { readonly view: View; readonly container?: undefined }
  | { readonly view?: undefined; readonly container: Reference }
