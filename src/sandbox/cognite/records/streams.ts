import { bodyOf, flag, list, object, oneOf, text } from '../check.ts'
import { ApiError, bad, notFound } from '../errors.ts'
import { DAY } from '../knobs.ts'
import { json } from '../models/spaces.ts'
import type { App, Server } from '../server.ts'
import type { State, Stream } from '../state.ts'
import { settleFeed } from './feed.ts'

export function streamRoutes(app: App, { state, knobs }: Server): void {
  app.post('/streams', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const [item] = list(body.items, 'items', 1, 1).map(it => object(it, 'items[0]'))
    const id = streamId(item!.externalId, 'items[0].externalId')
    if (id === 'logs' || id === 'records' || /^(cdf|cognite)_/.test(id)) throw bad(`Stream id '${id}' is reserved.`)
    const template = object(object(item!.settings, 'items[0].settings').template, 'items[0].settings.template')
    const name = oneOf(template.name, Object.keys(TEMPLATES), 'items[0].settings.template.name')
    return json(
      {
        items: [
          shown(
            state,
            state.tables.transact(() => createStream(state, id, name)),
            false,
          ),
        ],
      },
      201,
    )
  })

  app.get('/streams', () => json({ items: live(state).map(stream => shown(state, stream, false)) }))

  app.get('/streams/:stream', c => {
    const stream = streamOf(state, c.req.param('stream'))
    return json(shown(state, stream, c.req.query('includeStatistics') === 'true'))
  })

  app.post('/streams/delete', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const [item] = list(body.items, 'items', 1, 1).map(it => object(it, 'items[0]'))
    flag(body.ignoreUnknownIds, 'ignoreUnknownIds')
    state.tables.transact(() => deleteStream(state, streamId(item!.externalId, 'items[0].externalId')))
    return json({})
  })

  app.delete('/streams/:stream', () => {
    throw new ApiError(410, 'This endpoint is gone. Use POST /streams/delete.')
  })
}

export type Template = {
  readonly type: 'Immutable' | 'Mutable'
  readonly records: number
  readonly gigabytes: number
  /** Milliseconds that a record is kept; absent: for ever. */
  readonly dataDeletedAfter?: number
  readonly retainedAfterSoftDelete: number
  /** The longest `lastUpdatedTime` interval, in milliseconds. */
  readonly maxFilteringInterval?: number
}

export const TEMPLATES: { readonly [name: string]: Template } = {
  ImmutableTestStream: {
    type: 'Immutable',
    records: 50_000_000,
    gigabytes: 50,
    dataDeletedAfter: 7 * DAY,
    retainedAfterSoftDelete: DAY,
    maxFilteringInterval: 7 * DAY,
  },
  BasicArchive: {
    type: 'Immutable',
    records: 50_000_000,
    gigabytes: 50,
    retainedAfterSoftDelete: 42 * DAY,
    maxFilteringInterval: 365 * DAY,
  },
  BasicLiveData: { type: 'Mutable', records: 5_000_000, gigabytes: 15, retainedAfterSoftDelete: 42 * DAY },
}

export const templateOf = (stream: Stream): Template => TEMPLATES[stream.template]!

/** 404 where there is none, or it was deleted. */
export function streamOf(state: State, id: string): Stream {
  streamId(id, 'streamId')
  const stream = state.streams.get(id)
  if (stream === undefined || stream.purgeAt !== null) throw notFound(`Stream '${id}' not found.`, [{ externalId: id }])
  return stream
}

export function createStream(state: State, id: string, template: string): Stream {
  const there = state.streams.get(id)
  if (there && (there.purgeAt === null || there.purgeAt > state.now())) {
    const message = there.purgeAt === null ? `Stream '${id}' already exists.` : `Stream '${id}' is being deleted.`
    throw new ApiError(409, message, { duplicated: [{ externalId: id }] })
  }
  const stream: Stream = { externalId: id, template, createdTime: state.now(), purgeAt: null }
  state.streams.put(id, stream)
  return stream
}

export function deleteStream(state: State, id: string): void {
  const stream = state.streams.get(id)
  if (stream === undefined || stream.purgeAt !== null) return
  state.streams.put(id, { ...stream, purgeAt: state.now() + templateOf(stream).retainedAfterSoftDelete })
  for (const row of state.records.by('stream', id)) state.records.drop(row.key)
  for (const row of state.feed.by('stream', id)) state.feed.drop(row.key)
  for (const row of state.pending.by('stream', id)) state.pending.drop(row.id)
}

const live = (state: State): Stream[] => state.streams.all().filter(({ purgeAt }) => purgeAt === null)

function shown(state: State, stream: Stream, statistics: boolean) {
  const { type, records, gigabytes, dataDeletedAfter, retainedAfterSoftDelete, maxFilteringInterval } =
    templateOf(stream)
  const used = () => state.records.by('stream', stream.externalId).length
  if (statistics) settleFeed(state, stream.externalId)
  return {
    externalId: stream.externalId,
    createdTime: stream.createdTime,
    createdFromTemplate: stream.template,
    type,
    settings: {
      lifecycle: {
        ...(dataDeletedAfter !== undefined && { dataDeletedAfter: days(dataDeletedAfter) }),
        retainedAfterSoftDelete: days(retainedAfterSoftDelete),
      },
      limits: {
        maxRecordsTotal: { provisioned: records, ...(statistics && { consumed: used() }) },
        maxGigaBytesTotal: { provisioned: gigabytes, ...(statistics && { consumed: 0 }) },
        ...(maxFilteringInterval !== undefined && { maxFilteringInterval: days(maxFilteringInterval) }),
      },
    },
  }
}

const days = (ms: number): string => `P${Math.round(ms / DAY)}D`

const streamId = (value: Parameters<typeof text>[0], where: string): string =>
  text(value, where, { max: 100, pattern: /^[a-z]([a-z0-9_-]{0,98}[a-z0-9])?$/ })
