import { uuid } from '../uuid.ts'
import { nextRun, subHourly } from './cron.ts'
import { ApiError, invalid, notFound } from './errors.ts'
import { activeJob, cancel, start } from './jobs.ts'
import { configured, type ShortName, SOURCES, stubSource } from './source.ts'
import type { Collection, Connection, Server } from './state.ts'

type Body = Readonly<Record<string, unknown>>

export function found(server: Server, id: string): Connection {
  if (!/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id)) {
    throw invalid(['path', 'source_connection_id'], 'Input should be a valid UUID')
  }
  const connection = server.state.connections.get(id.toLowerCase())
  if (!connection) throw notFound('Source connection not found')
  return connection
}

export function foundCollection({ state }: Server, readable_id: string): Collection {
  const collection = state.collections.get(readable_id)
  if (!collection) throw notFound(`Collection '${readable_id}' not found`)
  return collection
}

export function addCollection({ state, world }: Server, body: Body): Collection {
  const name = named(body.name, 64)
  const given = body.readable_id ?? undefined
  if (given !== undefined && (typeof given !== 'string' || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(given))) {
    throw invalid(['body', 'readable_id'], 'String should match pattern')
  }
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  const readable_id = given ?? `${plain}-${uuid(world).slice(0, 6)}`
  if (state.collections.has(readable_id)) throw new ApiError(400, `Collection '${readable_id}' already exists`)
  const made = { id: uuid(world), readable_id, name, created_at: state.time, modified_at: state.time }
  state.collections.set(readable_id, made)
  return made
}

export function connect(server: Server, body: Body): Connection {
  const { state, world } = server
  const short_name = text(body.short_name, 'short_name')
  const collection = text(body.readable_collection_id, 'readable_collection_id')
  if (!Object.hasOwn(SOURCES, short_name)) throw notFound(`Source '${short_name}' not found`)
  if (!state.collections.has(collection)) throw notFound('Collection not found')
  credentials(body.authentication)
  const source = stubSource(short_name as ShortName)
  const config = object(body.config, 'config') ?? {}
  configured(source, config)
  const cron = cronOf(body.schedule, source.continuous, state.time)
  const connection: Connection = {
    id: uuid(world),
    short_name,
    collection,
    sync_id: uuid(world),
    created_at: state.time,
    modified_at: state.time,
    source,
    stored: new Map(),
    fates: [],
    name:
      body.name === undefined || body.name === null
        ? `${SOURCES[short_name as ShortName].name} Connection`
        : named(body.name, 42),
    description: described(body.description),
    config,
    cron,
    next_run: cron === null ? null : (nextRun(cron, state.time) ?? null),
    paused: false,
    cursor: null,
    stuck: undefined,
  }
  state.connections.set(connection.id, connection)
  if (body.sync_immediately !== false) start(server, connection, false, 'client')
  return connection
}

export function patch({ state }: Server, connection: Connection, body: Body): void {
  if (Object.keys(body).length === 0) throw invalid(['body'], 'At least one field must be provided')
  if (body.name !== undefined) connection.name = named(body.name, 42)
  if (body.description !== undefined) connection.description = described(body.description)
  if (body.config !== undefined) {
    connection.config = object(body.config, 'config') ?? {}
    configured(connection.source, connection.config)
  }
  if (body.schedule !== undefined) {
    connection.cron = cronOf(body.schedule, connection.source.continuous, state.time)
    connection.next_run = connection.cron === null ? null : (nextRun(connection.cron, state.time) ?? null)
  }
  if (body.authentication !== undefined) {
    credentials(body.authentication)
    connection.paused = false
  }
  connection.modified_at = state.time
}

/** What is under way ends with it, and what it synced is gone. */
export function disconnect(server: Server, connection: Connection): void {
  const running = activeJob(server, connection.id)
  if (running && running.status !== 'cancelling') cancel(server, running.id)
  server.state.connections.delete(connection.id)
}

/** None asked for: every five minutes where the source can tell what changed, else once a day. */
function cronOf(schedule: unknown, continuous: boolean, now: number): string | null {
  const date = new Date(now)
  const usual = continuous ? '*/5 * * * *' : `${date.getUTCMinutes()} ${date.getUTCHours()} * * *`
  const asked = object(schedule, 'schedule')
  if (asked === undefined) return usual
  if (asked.cron === null) return null
  if (asked.cron === undefined) return usual
  const cron = text(asked.cron, 'schedule')
  if (nextRun(cron, now) === undefined) throw invalid(['body', 'schedule', 'cron'], 'Invalid cron expression')
  if (!continuous && subHourly(cron)) {
    throw new ApiError(400, 'Sub-hourly schedules are only supported for continuous sources')
  }
  return cron
}

function credentials(authentication: unknown): void {
  const given = object(authentication, 'authentication')
  if (given === undefined) return
  const keys = Object.keys(given)
  if (keys.length !== 1 || keys[0] !== 'credentials') {
    throw invalid(['body', 'authentication'], 'Extra inputs are not permitted')
  }
  const { key } = object(given.credentials, 'authentication') ?? {}
  if (key === 'bad') throw new ApiError(400, 'Invalid credentials')
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(['body', name], 'Field required')
  return value
}

export function named(value: unknown, most: number): string {
  if (typeof value !== 'string' || value.length < 4 || value.length > most) {
    throw invalid(['body', 'name'], `String should have 4 to ${most} characters`)
  }
  return value
}

function described(value: unknown): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string' || value.length > 255) throw invalid(['body', 'description'], 'At most 255 characters')
  return value
}

function object(value: unknown, name: string): Body | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(['body', name], 'Input should be an object')
  return value as Body
}
