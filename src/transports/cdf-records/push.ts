import { sameValue } from '../../equal.ts'
import { SyncError } from '../../errors.ts'
import type { Change, Receipt, RemoteRecord } from '../../model.ts'
import type { Io, Push, Sent } from '../../transport.ts'
import { utf8 } from '../shared/cdf/values.ts'
import type { Answer } from '../shared/http.ts'
import { writeJson } from '../shared/json.ts'
import { sendParts } from '../shared/parts.ts'
import { type Api, retryable, type Verb } from './api.ts'
import { type RecordIdentity, readEventId, readRecordId } from './ids.ts'
import type { Config } from './options.ts'
import { type RecordWrite, readPartial, remoteRecord, writeOf } from './wire.ts'

const ITEMS = 1000
/** A request may hold 10 MB: the rest is for what stands around the items. */
const BYTES = 10_000_000 - 1_000

interface Outgoing {
  readonly change: Change
  readonly verb: Verb
  readonly identity: RecordIdentity
  readonly item: RecordWrite | RecordIdentity
  readonly bytes: number
}

/**
 * Nothing guards a record against being written over, so its creation goes out as one: it is refused where a record is
 * there already. Everything else replaces or deletes, and may be sent twice.
 */
export function push(api: Api, config: Config): Push {
  return {
    most: ITEMS,
    guard: 'none',
    visibleWithin: config.visibleWithin,
    async send(changes, io) {
      const refused: Receipt[] = []
      const ready: Outgoing[] = []
      for (const change of changes) {
        const one = outgoing(change)
        if ('state' in one) refused.push(one)
        else ready.push(one)
      }
      const parts = requests(ready).map(some => ({
        changes: some.map(({ change }) => change),
        send: () => sendOne(some, io),
      }))
      const sent = await sendParts(parts, io)
      return { ...sent, receipts: inOrder(changes, [...refused, ...sent.receipts]) }
    },
  }

  function outgoing(change: Change): Outgoing | Receipt {
    const { id, value, base } = change
    const identity = config.immutable ? readEventId(id) : readRecordId(id)
    const no = (code: 'invalid' | 'unsupported' | 'too-large', reason: string): Receipt => ({
      change: change.change,
      state: 'rejected',
      code,
      reason,
    })
    if (config.readonly) return no('unsupported', 'Nothing is written to this stream.')
    if (identity === undefined) return no('invalid', 'The id names no space and externalId.')
    if (config.immutable && (value === null || base?.value != null)) {
      return no('unsupported', 'Records of an immutable stream can only be added.')
    }
    const verb = value === null ? 'delete' : base?.value == null ? 'create' : 'replace'
    const item = value === null ? identity : writeOf(identity, value, config.containers)
    if (item === undefined) return no('invalid', 'A field belongs to no container of this stream.')
    const bytes = utf8(writeJson(item)) + 1
    if (bytes > BYTES) return no('too-large', 'A record must not be longer than 10 MB.')
    return { change, verb, identity, item, bytes }
  }

  async function sendOne(some: readonly Outgoing[], io: Io): Promise<Sent> {
    const [{ verb }] = some as [Outgoing]
    const answer = await api.write(
      verb,
      some.map(({ item }) => item),
      io,
    )
    if (answer.status < 300) return { receipts: some.map(accepted) }
    const partial = readPartial(answer.json)
    if (partial === undefined) throw refusal(answer)
    const codes = new Map(partial.map(one => [keyOf(one), one]))
    // In an immutable stream no name is ever taken: there it is one more failure that passes.
    const guarded = verb === 'create' && !config.immutable
    const taken = guarded ? some.filter(one => codes.get(keyOf(one.identity))?.code === 409) : []
    const there = await found(taken, io)
    return {
      receipts: some.map(one => {
        const { code, message } = codes.get(keyOf(one.identity)) ?? {}
        const { change } = one.change
        if (code === undefined) return { change, state: 'unknown' }
        if (code < 300) return accepted(one)
        if (taken.includes(one)) return occupied(one, there.get(one.change.id))
        return { change, state: 'later', notBefore: io.now(), ...(message !== undefined && { reason: message }) }
      }),
    }
  }

  async function found(taken: readonly Outgoing[], io: Io): Promise<ReadonlyMap<string, RemoteRecord>> {
    if (taken.length === 0) return new Map()
    const items = await api.find(
      taken.map(({ identity }) => identity),
      io,
    )
    return new Map(items.map(item => remoteRecord(item, config)).map(record => [record.id, record]))
  }
}

/** Its version is told by the feed. */
function accepted({ change }: Outgoing): Receipt {
  return { change: change.change, state: 'accepted', version: { sent: change.change } }
}

/** There is a record already: perhaps the one that an answer was lost for. */
function occupied({ change }: Outgoing, there: RemoteRecord | undefined): Receipt {
  if (there === undefined) return { change: change.change, state: 'conflict' }
  if (!sameValue(there.value, change.value)) return { change: change.change, state: 'conflict', remote: there }
  return { change: change.change, state: 'accepted', version: there.version, remote: there }
}

/**
 * By what is done, and so that each request keeps to the limits. Records of an immutable stream may share a name; the
 * answer tells items by nothing else, so those go one after the other.
 */
function requests(ready: readonly Outgoing[]): Outgoing[][] {
  const all: Outgoing[][] = []
  for (const verb of ['create', 'replace', 'delete'] as const) {
    let open: Outgoing[] = []
    let names = new Set<string>()
    let bytes = 0
    for (const one of ready) {
      if (one.verb !== verb) continue
      const full = open.length === ITEMS || bytes + one.bytes > BYTES || names.has(keyOf(one.identity))
      if (open.length > 0 && full) {
        all.push(open)
        open = []
        names = new Set()
        bytes = 0
      }
      open.push(one)
      names.add(keyOf(one.identity))
      bytes += one.bytes
    }
    if (open.length > 0) all.push(open)
  }
  return all
}

function refusal(answer: Answer): SyncError {
  const { status } = answer
  if (status === 409 || retryable(answer)) return new SyncError('busy', 'The stream is busy. Another try may work.')
  if (status === 422) {
    return new SyncError('misconfigured', 'The stream takes no such write: perhaps it is immutable. Set `immutable`.')
  }
  return new SyncError('server', `The stream answered ${status}. Another try may work.`)
}

const keyOf = ({ space, externalId }: RecordIdentity): string => `${space}\n${externalId}`

function inOrder(changes: readonly Change[], receipts: readonly Receipt[]): Receipt[] {
  const by = new Map(receipts.map(receipt => [receipt.change, receipt]))
  return changes.flatMap(({ change }) => by.get(change) ?? [])
}
