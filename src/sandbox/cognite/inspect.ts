import { settleFeed } from './records/feed.ts'
import type { Data, FeedRow, InstanceRow, RecordRow, State, Stream } from './state.ts'

/** What is really there, for judges. */
export function inspect(state: State): Inspection {
  return {
    streams: state.streams.all(),
    records: stream => state.records.by('stream', stream),
    feed(stream) {
      settleFeed(state, stream)
      return [...state.feed.by('stream', stream)].sort((one, other) => one.order - other.order)
    },
    instances: () => state.instances.all().filter(({ deletedTime }) => deletedTime === null),
    tombstones: () => state.instances.all().filter(({ deletedTime }) => deletedTime !== null),
    values: stream =>
      Object.fromEntries(
        state.records.by('stream', stream).map(row => [`${row.space}:${row.externalId}`, row.properties ?? {}]),
      ),
  }
}

export type Inspection = {
  readonly streams: readonly Stream[]
  /** Accepted, whether visible or not. */
  readonly records: (stream: string) => readonly RecordRow[]
  readonly feed: (stream: string) => readonly FeedRow[]
  readonly instances: () => readonly InstanceRow[]
  readonly tombstones: () => readonly InstanceRow[]
  readonly values: (stream: string) => Readonly<Record<string, Data>>
}
