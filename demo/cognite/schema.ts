/** A plant: readings in a record stream, pumps and the pipes between them in a graph. */
import { collection, defineSchema, type Strategy } from '../../src/index.ts'
import { edges, from, instanceQuery, nodes, type RowOf, view } from '../../src/transports/cdf-instances/index.ts'
import { records } from '../../src/transports/cdf-records/sources.ts'
import type { CognitePlace } from '../sandbox/cognite.ts'

export interface Reading {
  readonly value: number
  readonly note: string
}

interface PumpRow {
  readonly name: string
  readonly level: number
}

export const pipeType = (space: string) => ({ space, externalId: 'pipe' })

/** All pumps and all pipes of the plant. */
export function queryOf(space: string) {
  const pump = view<PumpRow>(space, 'Pump', 'v1')
  return instanceQuery({
    with: {
      pumps: { nodes: { filter: { hasData: [pump] } } },
      pipes: { edges: { filter: { equals: { property: ['edge', 'type'], value: pipeType(space) } } } },
    },
    select: { pumps: { sources: [from(pump)] }, pipes: {} },
  })
}

type Query = ReturnType<typeof queryOf>
export type Pump = RowOf<Query, 'pumps'>
export type Pipe = RowOf<Query, 'pipes'>

/** What the page tells its worker. */
export interface Config extends Omit<CognitePlace, 'tokens'> {
  readonly strategy: Strategy
  /** The channel of the switches. */
  readonly wire: string
}

export const schemaWith = (conflicts: Strategy) =>
  defineSchema({
    version: 1,
    collections: {
      readings: collection<Reading>()({ remote: 'stream', source: 'records', conflicts, ...records }),
      pumps: collection<Pump>()({ remote: 'graph', conflicts, ...nodes }),
      pipes: collection<Pipe>()({ remote: 'graph', conflicts, ...edges }),
    },
  })
