/** The calls of Airweave's API, one function each. */
import { SyncError } from '../../errors.ts'
import type { JobReport } from '../../job.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { events } from '../shared/events.ts'
import { type Answer, type Call, type Http, PAGE_BYTES } from '../shared/http.ts'
import { parseJson } from '../shared/json.ts'
import { text } from '../shared/shape.ts'
import {
  type Chunk,
  type Connection,
  detailOf,
  type Job,
  readChunks,
  readConnections,
  readFrame,
  readJob,
  readJobs,
  saysAlready,
  saysKey,
  saysPaused,
} from './wire.ts'

const PAGE = 100
const CHUNKS = 1000
/** What a search waits for when it is asked to come back later, so that a long read gets to its end at all. */
const PATIENCE = 90_000

export type Api = ReturnType<typeof api>

export function api(http: Http, options: { readonly collection: string; readonly organization?: string | undefined }) {
  const headers = options.organization === undefined ? {} : { 'x-organization-id': options.organization }

  async function send(call: Omit<Call, 'want'>, io: Io): Promise<Answer> {
    const answer = await http.send({ ...call, headers, want: 'json', data: [403, ...(call.data ?? [])] }, io)
    if (answer.status !== 403 || call.data?.includes(403)) return answer
    if (saysKey(answer.json)) throw new SyncError('needs-auth', 'Airweave does not take this key: give another one.')
    throw new SyncError('forbidden', `Airweave does not allow ${call.route}.${detailOf(answer.json)}`)
  }

  return {
    async connections(io: Io): Promise<Connection[]> {
      const all: Connection[] = []
      for (;;) {
        const query = { collection: options.collection, skip: all.length, limit: PAGE }
        const { json } = await send({ method: 'GET', route: '/source-connections', query, most: PAGE_BYTES }, io)
        const page = readConnections(json)
        all.push(...page)
        if (page.length < PAGE) return all
      }
    },

    /** Newest first; `undefined`: there is no such connection. */
    async jobs(connection: string, limit: number, io: Io): Promise<Job[] | undefined> {
      const call = {
        method: 'GET',
        route: '/source-connections/{id}/jobs',
        ids: { id: connection },
        query: { limit },
      } as const
      const { status, json } = await send({ ...call, most: PAGE_BYTES, data: [404] }, io)
      return status === 404 ? undefined : readJobs(json, connection)
    },

    /** What searches name a connection's entities by; `undefined`: there is no such connection. */
    async syncId(connection: string, io: Io): Promise<string | undefined> {
      const call = { method: 'GET', route: '/source-connections/{id}', ids: { id: connection }, data: [404] } as const
      const { status, json } = await send(call, io)
      return status === 404 ? undefined : text(json, 'sync_id')
    },

    async run(connection: string, force: boolean, io: Io): Promise<Job> {
      const route = '/source-connections/{id}/run'
      const query = { force_full_sync: force ? 'true' : undefined }
      const call = { method: 'POST', route, ids: { id: connection }, query, data: [400, 404, 409, 422] } as const
      const { status, json } = await send(call, io)
      if (status < 300) return readJob(json, connection)
      throw cannotRun(status, json)
    },

    /** `false`: it is over, or on its way there, or unknown. */
    async cancel(connection: string, job: string, io: Io): Promise<boolean> {
      const route = '/source-connections/{id}/jobs/{job}/cancel'
      const call = { method: 'POST', route, ids: { id: connection, job }, data: [400, 404, 409] } as const
      return (await send(call, io)).status < 300
    },

    async watch(job: string, hear: (report: JobReport) => void, io: Io): Promise<void> {
      const call = { route: '/sync/job/{job}/subscribe', ids: { job }, headers }
      for await (const data of events(http, call, io)) {
        const report = readFrame(frameOf(data))
        if (report !== undefined) hear(report)
      }
    },

    /** Chunks of one sync, or of what one of its jobs put there. `whole`: none came twice, so none was missed. */
    async chunks(of: { sync: string; job?: string }, io: Io): Promise<{ chunks: Chunk[]; whole: boolean }> {
      const conditions = [
        { field: 'airweave_system_metadata.sync_id', operator: 'equals', value: of.sync },
        ...(of.job === undefined
          ? []
          : [{ field: 'airweave_system_metadata.sync_job_id', operator: 'equals', value: of.job }]),
      ]
      const found = new Map<string, Chunk>()
      for (let offset = 0; ; offset += CHUNKS) {
        const json = { query: '*', retrieval_strategy: 'keyword', filter: [{ conditions }], limit: CHUNKS, offset }
        const page = await patiently(io, async () => {
          const route = '/collections/{id}/search/instant'
          const call = { method: 'POST', route, ids: { id: options.collection }, json, most: 4 * PAGE_BYTES } as const
          return readChunks((await send(call, io)).json)
        })
        for (const chunk of page) found.set(chunk.id, chunk)
        if (page.length < CHUNKS) return { chunks: [...found.values()], whole: found.size === offset + page.length }
      }
    },
  }
}

/** The whole read would have to begin anew otherwise, and meet the same limit again. */
async function patiently<T>(io: Io, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'throttled' || tries >= 3) throw error
      const wait = (error.notBefore ?? Number.POSITIVE_INFINITY) - io.now()
      if (wait > PATIENCE) throw error
      await io.sleep(Math.max(1_000, wait))
    }
  }
}

/** Both 400 and 409 have two meanings (section 2). */
function cannotRun(status: number, json: Json | undefined): SyncError {
  if (status === 404) return new SyncError('missing', `There is no such source connection.${detailOf(json)}`)
  if (saysPaused(json)) {
    return new SyncError('rejected', 'This connection is paused: renew its credentials, then run it again.')
  }
  if (status === 409 || (status === 400 && saysAlready(json))) {
    return new SyncError('busy', 'Another sync of this connection is under way.')
  }
  return new SyncError('rejected', `Airweave does not start this sync.${detailOf(json)}`)
}

function frameOf(data: string): Json {
  try {
    return parseJson(data, { depth: 8, keys: 1_000 })
  } catch {
    return null // a frame that cannot be read says nothing; checks go on beside it
  }
}
