import { sha256 } from '../digest.ts'
import { invalid } from './errors.ts'
import { type Connection, type Server, type Stored, stamp } from './state.ts'

/** What search finds: chunks of entities, never entities. */
export type Chunk = {
  readonly entity_id: string
  readonly name: string
  readonly relevance_score: number
  readonly breadcrumbs: readonly unknown[]
  readonly created_at: string | null
  readonly updated_at: string | null
  readonly textual_representation: string
  readonly airweave_system_metadata: Readonly<Record<string, unknown>>
  readonly access: { readonly viewers: null; readonly is_public: null }
  readonly web_url: string
  readonly url: null
  readonly raw_source_fields: Readonly<Record<string, unknown>>
}

/** By relevance, which changes with what is there: pages of one list and of the next do not fit together. */
export function search(server: Server, collection: string, body: Readonly<Record<string, unknown>>): Chunk[] {
  const { query, filter, limit = 100, offset = 0 } = body
  if (typeof query !== 'string' || query.trim() === '') throw invalid(['body', 'query'], 'Query cannot be empty')
  if (!whole(limit, 1, 1000)) throw invalid(['body', 'limit'], 'Input should be between 1 and 1000')
  if (!whole(offset, 0)) throw invalid(['body', 'offset'], 'Input should be greater than or equal to 0')
  const wanted = groups(filter)
  const found = [...server.state.connections.values()]
    .filter(connection => connection.collection === collection)
    .flatMap(connection => [...connection.stored.values()].flatMap(one => chunks(server, connection, one, query)))
    .filter(chunk => wanted === undefined || wanted.some(group => group.every(test => test(chunk))))
    .sort((one, other) => other.relevance_score - one.relevance_score || (one.entity_id < other.entity_id ? -1 : 1))
  return found.slice(offset, offset + limit)
}

function chunks({ knobs }: Server, connection: Connection, stored: Stored, query: string): Chunk[] {
  const { entity, hash, job, at } = stored
  const size = knobs().chunk
  const count = Math.max(1, Math.ceil(entity.text.length / size))
  return Array.from({ length: count }, (_, index) => ({
    entity_id: `${entity.id}__chunk_${index}`,
    name: entity.name,
    relevance_score: Number.parseInt(sha256(new TextEncoder().encode(query + hash + index)).slice(0, 8), 16) / 2 ** 32,
    breadcrumbs: [],
    created_at: null,
    updated_at: stamp(at, knobs()),
    textual_representation: entity.text.slice(index * size, (index + 1) * size),
    airweave_system_metadata: {
      source_name: connection.short_name,
      entity_type: entity.type ?? 'StubEntity',
      sync_id: connection.sync_id,
      sync_job_id: job,
      chunk_index: index,
      original_entity_id: entity.id,
    },
    access: { viewers: null, is_public: null },
    web_url: `https://stub.example/${encodeURIComponent(entity.id)}`,
    url: null,
    raw_source_fields: entity.fields ?? {},
  }))
}

type Test = (chunk: Chunk) => boolean

const FIELDS = [
  'entity_id',
  'name',
  'created_at',
  'updated_at',
  'airweave_system_metadata.entity_type',
  'airweave_system_metadata.source_name',
  'airweave_system_metadata.original_entity_id',
  'airweave_system_metadata.chunk_index',
  'airweave_system_metadata.sync_id',
  'airweave_system_metadata.sync_job_id',
]

/** Alternatives of conditions that hold together. */
function groups(filter: unknown): Test[][] | undefined {
  if (filter === undefined || filter === null) return undefined
  if (!Array.isArray(filter)) throw invalid(['body', 'filter'], 'Input should be a valid list')
  return filter.map((group, at) => {
    const conditions = (group as { conditions?: unknown } | null)?.conditions
    if (!Array.isArray(conditions) || conditions.length === 0) {
      throw invalid(['body', 'filter', at, 'conditions'], 'List should have at least 1 item')
    }
    return conditions.map((one, index) => test(one, ['body', 'filter', at, 'conditions', index]))
  })
}

function test(condition: Record<string, unknown>, at: readonly (string | number)[]): Test {
  const { field, operator, value } = condition
  if (typeof field !== 'string' || !FIELDS.includes(field)) throw invalid([...at, 'field'], 'Input should be a field')
  const of = (chunk: Chunk) =>
    field.split('.').reduce<unknown>((it, name) => (it as Record<string, unknown> | null)?.[name], chunk)
  const isList = operator === 'in' || operator === 'not_in'
  if (isList !== Array.isArray(value)) throw invalid([...at, 'value'], `Value does not fit operator ${operator}`)
  const list = value as readonly unknown[]
  switch (operator) {
    case 'equals':
      return chunk => of(chunk) === value
    case 'not_equals':
      return chunk => of(chunk) !== value
    case 'contains':
      return chunk => String(of(chunk)).includes(String(value))
    case 'in':
      return chunk => list.includes(of(chunk))
    case 'not_in':
      return chunk => !list.includes(of(chunk))
    case 'greater_than':
      return ordered(field, at, of, it => it > Number(value))
    case 'greater_than_or_equal':
      return ordered(field, at, of, it => it >= Number(value))
    case 'less_than':
      return ordered(field, at, of, it => it < Number(value))
    case 'less_than_or_equal':
      return ordered(field, at, of, it => it <= Number(value))
  }
  throw invalid([...at, 'operator'], 'Input should be an operator')
}

function ordered(
  field: string,
  at: readonly (string | number)[],
  of: (chunk: Chunk) => unknown,
  holds: (value: number) => boolean,
): Test {
  if (!field.endsWith('chunk_index')) throw invalid([...at, 'operator'], `${field} has no order here`)
  return chunk => holds(Number(of(chunk)))
}

const whole = (value: unknown, from: number, to = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isInteger(value) && (value as number) >= from && (value as number) <= to
