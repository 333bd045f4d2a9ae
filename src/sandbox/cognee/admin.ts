import { md5 } from '../digest.ts'
import { uuid } from '../uuid.ts'
import { add, datasetNamed } from './datasets.ts'
import { advance, start } from './runs.ts'
import { running, type Server } from './state.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Everything that happens to a server from the outside. */
export function admin(server: Server): Admin {
  const { state, world } = server
  const userOf = (id: string) => state.users.get(id)!
  const datasetOf = (id: string) => {
    advance(server)
    return state.datasets.get(id)!
  }
  return {
    addUser(email, password = 'secret') {
      const user = { id: uuid(world), email, password }
      state.users.set(user.id, user)
      const key = `key_${user.id}`
      const token = `token_${user.id}`
      state.tokens.set(key, { user: user.id, expires: Number.POSITIVE_INFINITY, key: true })
      state.tokens.set(token, { user: user.id, expires: Number.POSITIVE_INFINITY, key: false })
      return { user_id: user.id, key, token }
    },
    addToken: (user, token) => void state.tokens.set(token, { user, expires: Number.POSITIVE_INFINITY, key: false }),
    revoke: token => void state.tokens.delete(token),
    addDataset(user, name) {
      advance(server)
      return datasetNamed(server, userOf(user), name).id
    },
    share: (dataset, user, what) => void datasetOf(dataset).members.set(user, what),
    setPipeline(dataset, status) {
      datasetOf(dataset).pipeline = status
    },
    addData: (dataset, name, text) => add(server, datasetOf(dataset), name, 'text/plain', bytesOf(text)).id,
    removeData: id => void state.data.delete(id),
    addToCloud(dataset, name, text) {
      const there = state.cloud.get(dataset) ?? new Map()
      state.cloud.set(dataset, there)
      there.set(uuid(world), { md5: md5(bytesOf(text)), bytes: bytesOf(text), name })
    },
    cloud: dataset => [...(state.cloud.get(dataset)?.values() ?? [])].map(({ md5 }) => md5).sort(),
    failUploads(count) {
      state.failUploads = count
    },
    startRun(user, datasets) {
      advance(server)
      return start(server, userOf(user), { dataset_ids: datasets }).run.run_id
    },
    crashRun() {
      advance(server)
      for (const run of state.runs.filter(running)) run.next_at = Number.POSITIVE_INFINITY
    },
    setProgress(percentage) {
      for (const run of state.runs.filter(running)) run.progress = percentage
    },
    forgetRuns: () => void state.runs.splice(0),
  }
}

export type Admin = {
  readonly addUser: (
    email: string,
    password?: string,
  ) => { readonly user_id: string; readonly key: string; readonly token: string }
  /** Another bearer token of the user, which does not expire. */
  readonly addToken: (user: string, token: string) => void
  readonly revoke: (token: string) => void
  readonly addDataset: (user: string, name: string) => string
  readonly share: (dataset: string, user: string, what: 'read' | 'write') => void
  readonly setPipeline: (
    dataset: string,
    status: 'DATASET_PROCESSING_STARTED' | 'DATASET_PROCESSING_COMPLETED' | 'DATASET_PROCESSING_ERRORED',
  ) => void
  readonly addData: (dataset: string, name: string, text: string) => string
  readonly removeData: (id: string) => void
  readonly addToCloud: (dataset: string, name: string, text: string) => void
  /** The MD5 of what the cloud holds. */
  readonly cloud: (dataset: string) => readonly string[]
  /** So many of the next uploads fail, each with the rest of its dataset. */
  readonly failUploads: (count: number) => void
  /** Another device of the user starts one. */
  readonly startRun: (user: string, datasets: readonly string[]) => string
  /** The process dies: its run stays under way for ever. */
  readonly crashRun: () => void
  readonly setProgress: (percentage: number) => void
  readonly forgetRuns: () => void
}
