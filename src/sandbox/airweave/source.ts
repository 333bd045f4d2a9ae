import { sha256 } from '../digest.ts'
import type { Connection, Entity, Step, StubSource } from './state.ts'

/** What can be connected to: a plain source that is always read whole, and one with a cursor. */
export const SOURCES = {
  stub: { name: 'Stub', class_name: 'StubSource', continuous: false },
  incremental_stub: { name: 'Incremental Stub', class_name: 'IncrementalStubSource', continuous: true },
} as const

export type ShortName = keyof typeof SOURCES

export function stubSource(short_name: ShortName): StubSource {
  const { continuous } = SOURCES[short_name]
  return { entities: new Map(), changed: new Map(), seq: 0, continuous, reportsDeletions: false, twice: [] }
}

export function setEntities(source: StubSource, entities: readonly Entity[]): void {
  const before = source.entities
  source.entities = new Map(entities.map(one => [one.id, one]))
  for (const [id, entity] of source.entities) {
    const had = before.get(id)
    if (had === undefined || hashOf(had) !== hashOf(entity)) source.changed.set(id, ++source.seq)
  }
  for (const id of before.keys()) if (!source.entities.has(id)) source.changed.set(id, ++source.seq)
}

/** `config.entity_count`, as Airweave's own stub sources have it: that many entities and their container. */
export function configured(source: StubSource, config: Readonly<Record<string, unknown>>): void {
  const count = config.entity_count
  if (typeof count !== 'number') return
  const entity = (n: number): Entity => ({ id: `entity-${n}`, name: `Entity ${n}`, text: `The text of entity ${n}.` })
  setEntities(source, [
    { id: 'container', name: 'Container', text: `Holds ${count} entities.`, type: 'StubContainer' },
    ...Array.from({ length: count }, (_, at) => entity(at + 1)),
  ])
}

export const hashOf = (entity: Entity): string => sha256(new TextEncoder().encode(JSON.stringify(entity)))

/**
 * What one run will do, by comparing hashes. With a cursor that is used, only what changed since is looked at, and an
 * entity that is gone is deleted only if the source says so. A first run of a source with a cursor counts as
 * incremental: only a forced one cleans up.
 */
export function planned({ source, stored, cursor }: Connection, force: boolean): Step[] {
  const incremental = source.continuous && !force
  const since = incremental ? (cursor ?? 0) : 0
  const given = [...source.entities.values()].filter(({ id }) => (source.changed.get(id) ?? 0) > since)
  const steps: Step[] = given.flatMap((entity): Step[] => {
    const hash = hashOf(entity)
    const had = stored.get(entity.id)
    const step: Step = { do: had === undefined ? 'insert' : had.hash === hash ? 'keep' : 'update', entity, hash }
    return source.twice.includes(entity.id) ? [step, { do: 'skip' }] : [step]
  })
  const gone = [...stored.keys()].filter(id => !source.entities.has(id))
  const seen = (id: string) => (source.changed.get(id) ?? 0) > since && source.reportsDeletions
  const deletions = gone.filter(id => !incremental || seen(id))
  return [...steps, ...deletions.map((id): Step => ({ do: 'delete', id }))]
}
