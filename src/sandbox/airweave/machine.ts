/** The life of a job, as a table: what is not in it cannot happen. */
export type JobStatus = 'pending' | 'running' | 'cancelling' | 'completed' | 'failed' | 'cancelled'

const NEXT: Readonly<Record<JobStatus, readonly JobStatus[]>> = {
  pending: ['running', 'cancelled', 'failed'],
  running: ['completed', 'failed', 'cancelling', 'cancelled'],
  // Work that is finished while it is being cancelled ends cancelled.
  cancelling: ['cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
}

export const active = (status: JobStatus): boolean => NEXT[status].length > 0

export function mustFollow(from: JobStatus, to: JobStatus): void {
  if (!NEXT[from].includes(to)) throw new Error(`A job that is ${from} cannot become ${to}.`)
}
