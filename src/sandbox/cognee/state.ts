import type { World } from '../world.ts'
import type { Knobs } from './knobs.ts'

export type User = { readonly id: string; readonly email: string; readonly password: string }

export type Dataset = {
  readonly id: string
  readonly name: string
  readonly owner: string
  readonly created_at: number
  updated_at: number | null
  /** Others, and what they may. */
  readonly members: Map<string, 'read' | 'write'>
  pipeline: 'DATASET_PROCESSING_STARTED' | 'DATASET_PROCESSING_COMPLETED' | 'DATASET_PROCESSING_ERRORED'
}

/** A document: the text that is stored, known by its MD5. */
export type Data = {
  readonly id: string
  readonly dataset: string
  readonly name: string
  readonly extension: string
  readonly mime: string
  readonly bytes: Uint8Array
  readonly md5: string
  readonly created_at: number
}

export type RunStatus = 'started' | 'in_progress' | 'completed' | 'failed'

export type Run = {
  readonly run_id: string
  readonly user: string
  readonly datasets: readonly { readonly id: string; readonly name: string }[]
  readonly created_at: number
  status: RunStatus
  progress: number
  done: number
  next_at: number
  uploaded: number
  downloaded: number
}

export type State = {
  readonly users: Map<string, User>
  /** By token or key: whose it is, and until when. */
  readonly tokens: Map<string, { readonly user: string; readonly expires: number; readonly key: boolean }>
  readonly datasets: Map<string, Dataset>
  readonly data: Map<string, Data>
  /** Oldest first. */
  readonly runs: Run[]
  /** What the cloud holds: by dataset, then by data id. */
  readonly cloud: Map<string, Map<string, { readonly md5: string; readonly bytes: Uint8Array; readonly name: string }>>
  readonly cloudKey: string
  /** The next uploads that fail in the cloud. */
  failUploads: number
  time: number
}

export type Server = {
  readonly world: World
  readonly state: State
  readonly knobs: () => Knobs
}

export const running = ({ status }: Run): boolean => status === 'started' || status === 'in_progress'

export const dataOf = ({ state }: Pick<Server, 'state'>, dataset: string): Data[] =>
  [...state.data.values()].filter(one => one.dataset === dataset)

export function may(dataset: Dataset, user: User, what: 'read' | 'write'): boolean {
  if (dataset.owner === user.id) return true
  const given = dataset.members.get(user.id)
  return given === 'write' || (given === 'read' && what === 'read')
}
