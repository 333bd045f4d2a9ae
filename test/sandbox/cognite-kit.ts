/** A project with a space, a container for records and a stream of each kind, and a way to talk. */

import { type CogniteOptions, cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { parseJson, writeJson } from '../../src/sandbox/json.ts'
import { type Json, virtualWorld } from './kit.ts'

export const READING = { type: 'container', space: 'plant', externalId: 'Reading' } as const

export const readingProperties = {
  name: { type: { type: 'text' } },
  value: { type: { type: 'float64' } },
  count: { type: { type: 'int64' } },
  small: { type: { type: 'int32' } },
  on: { type: { type: 'boolean' } },
  at: { type: { type: 'timestamp' } },
  day: { type: { type: 'date' } },
  more: { type: { type: 'json' } },
  site: { type: { type: 'direct' } },
  tags: { type: { type: 'text', list: true } },
}

export function plant(options: Partial<CogniteOptions> = {}) {
  const world = virtualWorld()
  const sandbox = cogniteSandbox({ world, project: 'p', ...options })
  const { admin } = sandbox
  admin.addToken('ada')
  admin.addSpace('plant')
  admin.addContainer({ space: 'plant', externalId: 'Reading', usedFor: 'record', properties: readingProperties })
  admin.addContainer({
    space: 'plant',
    externalId: 'Place',
    usedFor: 'record',
    properties: { hall: { type: { type: 'text' } } },
  })
  admin.addStream('live', 'BasicLiveData')
  admin.addStream('archive', 'ImmutableTestStream')
  const post = talker(sandbox, 'ada')
  return { world, sandbox, admin, post, ...verbs(post) }
}

export type Plant = ReturnType<typeof plant>
export type Post = (
  path: string,
  body: unknown,
  method?: string,
) => Promise<{ status: number; body: Json; headers: Headers }>

export function talker(sandbox: { fetch(request: Request): Promise<Response> }, token: string): Post {
  return async (path, body, method = 'POST') => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const init = { method, headers, ...(body !== undefined && { body: writeJson(body) }) }
    const response = await sandbox.fetch(new Request(`http://cdf/api/v1/projects/p${path}`, init))
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json') && text !== ''
    return { status: response.status, body: json ? parseJson(text) : text, headers: response.headers }
  }
}

export function verbs(post: Post) {
  const sync = (more: object = {}, stream = 'live') =>
    post(`/streams/${stream}/records/sync`, { initializeCursor: '9999d-ago', limit: 1000, ...more })
  return {
    ingest: (stream: string, ...items: object[]) => post(`/streams/${stream}/records`, { items }),
    upsert: (...items: object[]) => post('/streams/live/records/upsert', { items }),
    remove: (...ids: string[]) =>
      post('/streams/live/records/delete', { items: ids.map(externalId => ({ space: 'plant', externalId })) }),
    filter: (filter?: object, more: object = {}) =>
      post('/streams/live/records/filter', { limit: 1000, ...(filter && { filter }), ...more }),
    sync,
    /** Names of what a sync from the beginning brings, with a mark for what is deleted. */
    async names(more: object = {}, stream = 'live'): Promise<string[]> {
      const { body } = await sync(more, stream)
      return body.items.map((it: Json) => (it.status === 'deleted' ? `-${it.externalId}` : it.externalId))
    },
  }
}

export const reading = (externalId: string, properties: object = { value: 1 }) => ({
  space: 'plant',
  externalId,
  sources: [{ source: READING, properties }],
})

export const prop = (name: string) => ['plant', 'Reading', name]
