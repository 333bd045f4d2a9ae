import { equal } from '../../equal.ts'
import { SyncError } from '../../errors.ts'
import type { Json, RemoteRecord } from '../../model.ts'
import type { Io, Page, Pull } from '../../transport.ts'
import { hourOf, OLDEST } from '../shared/cdf/time.ts'
import type { Api } from './api.ts'
import { matches } from './filter.ts'
import { recordId } from './ids.ts'
import type { Config } from './options.ts'
import { type Place, readPlace } from './place.ts'
import { type Item, readItem, remoteRecord } from './wire.ts'

const MOST_EMPTY = 10

/**
 * The feed shows one entry per record, with its present state, where it last changed. A short page ends nothing: only
 * `hasNext` does. Overlap and repetition change nothing (I29).
 */
export function pull(api: Api, config: Config): Pull {
  return {
    async *pages(from, io) {
      const asked = (await io.digest(new TextEncoder().encode(config.question))).slice(0, 16)
      let place = from === undefined ? undefined : readPlace(from, asked)
      if (place === undefined) await mustBeKind(io)
      for (let empty = 0; ; ) {
        const before = place
        const at = before === undefined ? { initializeCursor: config.since } : { cursor: before.cursor }
        const { items, cursor, more, now } = await api.page(at, io)
        if (before !== undefined) mustBeYoung(before, now)
        const records = await read(items, io)
        const walk: boolean = (before?.walk ?? true) && more
        place = { cursor, walk, since: hourOf(now), asked }
        const ended = !more || cursor === before?.cursor
        if (more && ended) {
          io.notice({ code: 'protocol', message: 'The stream promises more records at the same place.' })
        }
        if (records.length > 0 || !equal(place as unknown as Json, (before ?? null) as unknown as Json)) {
          yield pageOf(place, records, before?.walk ?? true)
        }
        if (ended) return
        empty = items.length === 0 ? empty + 1 : 0
        if (empty >= MOST_EMPTY) throw endless()
      }
    },
  }

  function pageOf(place: Place, records: RemoteRecord[], walking: boolean): Page {
    const complete = walking && !place.walk ? { complete: [{ source: 'records' }] } : {}
    return { records, cursor: { ...place }, ...complete, ...(config.mayMissDeletes && { missesDeletes: true }) }
  }

  /** Deletions before a place that is too old may be forgotten already. An immutable stream has none. */
  function mustBeYoung({ since }: Place, now: number): void {
    if (config.immutable || now - since <= OLDEST) return
    throw new SyncError('cursor-invalid', 'We were away longer than deletions are shown. The stream is read anew.')
  }

  async function mustBeKind(io: Io): Promise<void> {
    const type = await api.streamType(io)
    if (type === undefined || (type === 'Immutable') === config.immutable) return
    const really = type === 'Immutable' ? 'immutable: set `immutable: true`' : 'mutable: leave `immutable` out'
    throw new SyncError('misconfigured', `The stream ${config.stream} is ${really}.`)
  }

  async function read(json: readonly Json[], io: Io): Promise<RemoteRecord[]> {
    const items: Item[] = []
    for (const one of json) {
      const item = readItem(one, config)
      if (item === 'unsupported') {
        io.notice({ code: 'unsupported', message: 'A record with an unknown status was passed over.' })
      } else if (item === undefined) {
        io.notice({ code: 'unreadable', message: 'A record without identity or times was passed over.' })
      } else items.push(item)
    }
    const { filter } = config
    if (filter === undefined) return items.map(item => remoteRecord(item, config))
    const left = await known(
      items.filter(item => !item.deleted && !matches(filter, item)),
      io,
    )
    return items.flatMap(item => {
      if (item.deleted || matches(filter, item)) return [remoteRecord(item, config)]
      return left.has(recordId(item)) ? [{ ...remoteRecord(item, config), value: null }] : []
    })
  }

  /** What leaves the filter goes away here; what was never in it is nothing to us. */
  async function known(items: readonly Item[], io: Io): Promise<ReadonlySet<string>> {
    const ids = items.map(recordId)
    if (ids.length === 0) return new Set()
    const bases = await io.peek(peek => peek.agreed('records', ids))
    return new Set(ids.filter((_, at) => bases[at]?.value != null))
  }
}

function endless(): SyncError {
  return new SyncError('protocol', 'The stream keeps promising more records and sends none. It will be asked later.')
}
