/** What the plant is made of: readings in a record stream, pumps and the pipes between them in a graph. */
import { collection, defineSchema } from '../../src/index.ts'
import { edges, from, instanceQuery, nodes, type RowOf, view } from '../../src/transports/cdf-instances/index.ts'
import { records } from '../../src/transports/cdf-records/index.ts'

export const project = 'plant'
export const token = 'ada'
export const space = 'north'
export const stream = 'live'

export interface Reading {
  readonly value?: number
  readonly note?: string
}

interface PumpRow {
  readonly name: string
  readonly hall: number
  readonly level: number
  readonly manual: string
}

const PUMP = view<PumpRow>(space, 'Pump', 'v1')
export const PIPE = { space, externalId: 'pipe' }

export const query = instanceQuery({
  with: {
    pumps: { nodes: { filter: { hasData: [PUMP] } }, limit: 1000 },
    pipes: { edges: { filter: { equals: { property: ['edge', 'type'], value: PIPE } } }, limit: 1000 },
  },
  select: { pumps: { sources: [from(PUMP)] }, pipes: {} },
})

export type Pump = RowOf<typeof query, 'pumps'>
export type Pipe = RowOf<typeof query, 'pipes'>

export const schema = defineSchema({
  version: 1,
  collections: {
    readings: collection<Reading>()({ remote: 'stream', source: 'records', conflicts: 'KEEP_BOTH', ...records }),
    pumps: collection<Pump>()({ remote: 'graph', conflicts: 'KEEP_BOTH', ...nodes }),
    pipes: collection<Pipe>()({ remote: 'graph', conflicts: 'KEEP_BOTH', ...edges }),
  },
})

export const kinds = ['readings', 'pumps', 'pipes'] as const
export type Kind = (typeof kinds)[number]

export const idOf = (externalId: string) => `${space}:${externalId}`
