import { addCollection, connect, found } from './connections.ts'
import { activeJob, advance, start } from './jobs.ts'
import { setEntities } from './source.ts'
import type { Connection, Entity, Fate, Server } from './state.ts'

/** Everything that happens to a server from the outside: an operator, a source that changes, a disaster. */
export function admin(server: Server): Admin {
  const { state } = server
  const at = (id: string): Connection => {
    advance(server)
    return found(server, id)
  }
  return {
    addKey(key = `key_${state.keys.size + 1}`) {
      state.keys.set(key, { expired: false })
      return key
    },
    expireKey: key => void state.keys.set(key, { expired: true }),
    revokeKey: key => void state.keys.delete(key),
    addCollection(name, readable_id) {
      advance(server)
      return addCollection(server, { name, ...(readable_id !== undefined && { readable_id }) }).readable_id
    },
    connect(collection, options = {}) {
      advance(server)
      const { entities, short_name = 'stub', name = 'A connection', ...body } = options
      const made = connect(server, {
        short_name,
        name,
        readable_collection_id: collection,
        sync_immediately: false,
        schedule: { cron: null },
        ...body,
      })
      if (entities) setEntities(made.source, entities)
      return made.id
    },
    setEntities: (id, entities) => setEntities(at(id).source, entities),
    entities: id => [...at(id).stored.values()].map(({ entity }) => entity),
    reportDeletions(id, reports = true) {
      at(id).source.reportsDeletions = reports
    },
    giveTwice(id, ids) {
      at(id).source.twice = ids
    },
    failNext: (id, fate) => void at(id).fates.push(fate),
    stick(id, state) {
      at(id).stuck = state
    },
    startJob(id, options = {}) {
      const connection = at(id)
      const running = activeJob(server, id)
      if (running) return running.id
      return start(server, connection, options.force ?? false, 'schedule').id
    },
    pause(id, paused = true) {
      at(id).paused = paused
    },
    forgetJobs(id) {
      at(id)
      const kept = state.jobs.filter(job => job.connection !== id)
      state.jobs.splice(0, state.jobs.length, ...kept)
    },
  }
}

export type ConnectOptions = {
  readonly short_name?: 'stub' | 'incremental_stub'
  readonly name?: string
  readonly entities?: readonly Entity[]
  readonly config?: Readonly<Record<string, unknown>>
  readonly schedule?: { readonly cron: string | null }
  readonly sync_immediately?: boolean
}

export type Admin = {
  readonly addKey: (key?: string) => string
  readonly expireKey: (key: string) => void
  readonly revokeKey: (key: string) => void
  /** Its readable id. */
  readonly addCollection: (name: string, readable_id?: string) => string
  /** Without a schedule and without a first run, unless asked for. */
  readonly connect: (collection: string, options?: ConnectOptions) => string
  /** What the source holds from now on. */
  readonly setEntities: (connection: string, entities: readonly Entity[]) => void
  /** What was synced from it. */
  readonly entities: (connection: string) => readonly Entity[]
  readonly reportDeletions: (connection: string, reports?: boolean) => void
  readonly giveTwice: (connection: string, ids: readonly string[]) => void
  /** How the next job that starts to run will end. With a category the sync is paused, too. */
  readonly failNext: (connection: string, fate: Fate) => void
  /** Jobs that come into this state stay there, until the sweeper takes them. */
  readonly stick: (connection: string, state: 'pending' | 'running' | 'cancelling' | undefined) => void
  /** Somebody else starts a job, or there is one already. */
  readonly startJob: (connection: string, options?: { readonly force?: boolean }) => string
  readonly pause: (connection: string, paused?: boolean) => void
  /** The server lost its memory of the jobs. */
  readonly forgetJobs: (connection: string) => void
}
