/** What a query is set up with, checked where it is given. */
import type { Json } from '../../model.ts'
import { type CdfOptions, wrong } from '../shared/cdf/setup.ts'
import { canonical } from '../shared/cdf/values.ts'
import { type InstanceQuery, queryFault } from './query.ts'
import { type SetOf, setsOf } from './wire.ts'

export interface CdfInstancesOptions<Query extends InstanceQuery = InstanceQuery> extends CdfOptions {
  readonly query: Query
  /**
   * Goes on with a cursor that is older than deletions are kept, instead of reading everything anew. What was deleted
   * meanwhile may stay here for ever; the status says so.
   */
  readonly acceptMissedDeletes?: boolean
  /** Asks the API for its remarks on the query; they come as notices. */
  readonly debug?: boolean
  /** Nodes that a write points at and that are not there. Defaults of the API: relations yes, ends of edges no. */
  readonly autoCreate?: {
    readonly directRelations?: boolean
    readonly startNodes?: boolean
    readonly endNodes?: boolean
  }
}

export interface Config {
  readonly query: InstanceQuery
  readonly sets: readonly SetOf[]
  /** Sets whose walk lists everything. */
  readonly whole: readonly string[]
  /** Empty pages in a row that end a look: two where one set has two phases. */
  readonly quiet: number
  readonly acceptMissedDeletes: boolean
  readonly debug: boolean
  readonly autoCreate: Json
  /** The question in one text: another question cannot go on from this one's cursors. */
  readonly question: string
}

export function configOf(options: CdfInstancesOptions): Config {
  const { query, acceptMissedDeletes = false, debug = false, autoCreate = {} } = options
  const fault = queryFault(query)
  if (fault !== undefined) throw wrong(`The query cannot be used: ${fault}`)
  const sets = setsOf(query)
  const modes = Object.values(query.with).map(({ mode }) => mode)
  const bare = Object.entries(query.with).map(([name, { limit: _, ...set }]) => [name, set])
  const { directRelations, startNodes, endNodes } = autoCreate
  return {
    query,
    sets,
    whole: sets.map(({ name }) => name).filter(name => query.with[name]?.mode !== 'noBackfill'),
    quiet: modes.includes('twoPhase') ? 2 : 1,
    acceptMissedDeletes,
    debug,
    autoCreate: {
      ...(directRelations !== undefined && { autoCreateDirectRelations: directRelations }),
      ...(startNodes !== undefined && { autoCreateStartNodes: startNodes }),
      ...(endNodes !== undefined && { autoCreateEndNodes: endNodes }),
    },
    question: canonical({
      with: Object.fromEntries(bare),
      select: query.select,
      parameters: query.parameters ?? {},
    } as unknown as Json),
  }
}
