import { jobsOf } from './jobs.ts'
import { type ShortName, SOURCES } from './source.ts'
import { type Collection, type Connection, type Job, type Server, stamp } from './state.ts'

/** A job as the API writes it. Counters are written when it has ended, and not for a cancelled one. */
export function jobJson({ knobs }: Pick<Server, 'knobs'>, job: Job, connection = job.connection) {
  const { started_at, completed_at, told } = job
  const duration = started_at === null || completed_at === null ? null : (completed_at - started_at) / 1000
  const time = (ms: number | null) => (ms === null ? null : stamp(ms, knobs()))
  return {
    id: job.id,
    source_connection_id: connection,
    status: knobs().statuses === 'upper' ? job.status.toUpperCase() : job.status,
    started_at: time(started_at),
    completed_at: time(completed_at),
    duration_seconds: duration,
    entities_inserted: told.inserted,
    entities_updated: told.updated,
    entities_deleted: told.deleted,
    entities_failed: told.skipped,
    error: job.error,
    ...(knobs().errorCategory ? { error_category: job.error_category } : {}),
    error_details: null,
  }
}

export function statusOf(server: Server, connection: Connection): string {
  const last = jobsOf(server, connection.id).at(-1)
  if (last?.status === 'running' || last?.status === 'cancelling') return 'syncing'
  if (last?.status === 'failed') {
    if (last.error_category === null) return 'error'
    if (connection.paused) return 'needs_reauth'
  }
  return 'active'
}

export function listed(server: Server, connection: Connection) {
  return {
    id: connection.id,
    name: connection.name,
    short_name: connection.short_name,
    readable_collection_id: connection.collection,
    created_at: stamp(connection.created_at, server.knobs()),
    modified_at: stamp(connection.modified_at, server.knobs()),
    is_authenticated: true,
    entity_count: connection.stored.size,
    federated_search: false,
    auth_method: 'direct',
    status: statusOf(server, connection),
  }
}

export function whole(server: Server, connection: Connection) {
  const { knobs, state } = server
  const jobs = jobsOf(server, connection.id)
  const last = jobs.at(-1)
  const { is_authenticated, entity_count, auth_method, ...shared } = listed(server, connection)
  const {
    source_connection_id: _,
    error_details: _1,
    error_category: _2,
    ...lastJob
  } = last ? jobJson(server, last) : { source_connection_id: null, error_details: null, error_category: null }
  const by_type: Record<string, { count: number; last_updated: string }> = {}
  for (const { entity, at } of connection.stored.values()) {
    const type = entity.type ?? 'StubEntity'
    by_type[type] = { count: (by_type[type]?.count ?? 0) + 1, last_updated: stamp(at, knobs()) }
  }
  const failed = last?.status === 'failed' && connection.paused
  return {
    ...shared,
    organization_id: state.organization,
    description: connection.description,
    auth: { method: auth_method, authenticated: is_authenticated, authenticated_at: shared.created_at },
    config: connection.config,
    schedule: {
      cron: connection.cron,
      next_run: connection.next_run === null ? null : stamp(connection.next_run, knobs()),
      continuous: false,
      cursor_field: null,
      cursor_value: null,
    },
    // It describes the last job only.
    sync: last
      ? {
          total_runs: 1,
          successful_runs: last.status === 'completed' ? 1 : 0,
          failed_runs: last.status === 'failed' ? 1 : 0,
          last_job: lastJob,
        }
      : null,
    sync_id: connection.sync_id,
    entities: { total_entities: entity_count, by_type },
    ...(knobs().errorCategory
      ? { error_category: failed ? last.error_category : null, error_message: failed ? last.error : null }
      : {}),
  }
}

export function collectionJson({ state, knobs }: Server, collection: Collection) {
  const connections = [...state.connections.values()].filter(one => one.collection === collection.readable_id)
  return {
    id: collection.id,
    name: collection.name,
    readable_id: collection.readable_id,
    created_at: stamp(collection.created_at, knobs()),
    modified_at: stamp(collection.modified_at, knobs()),
    organization_id: state.organization,
    status: connections.length === 0 ? 'NEEDS SOURCE' : 'ACTIVE',
    vector_size: 384,
    embedding_model_name: 'stub-embedding',
    source_connection_summaries: connections.map(({ short_name, name }) => ({ short_name, name })),
  }
}

export function sourceJson(short_name: ShortName) {
  const { name, class_name, continuous } = SOURCES[short_name]
  const count = { name: 'entity_count', title: 'Entity count', type: 'number', required: false }
  return {
    name,
    short_name,
    class_name,
    description: 'Entities that a test sets.',
    auth_methods: ['direct'],
    output_entity_definitions: [],
    labels: ['Internal'],
    supports_continuous: continuous,
    auth_fields: { fields: [{ name: 'key', title: 'Key', type: 'string', is_secret: true }] },
    config_fields: { fields: [count] },
  }
}
