import { sameValue } from '../../equal.ts'
import type { Change, Json, Receipt, RemoteRecord } from '../../model.ts'
import type { Io, Push } from '../../transport.ts'
import { flag, text } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { instanceId, readInstanceId } from './ids.ts'
import type { Config } from './options.ts'
import { type Identity, remoteRecord, type SetOf, type Version, versionOf, writeOf } from './wire.ts'

interface Outgoing {
  readonly change: Change
  readonly set: SetOf
  readonly identity: Identity
  /** The life and version that it goes on from; `undefined`: it should not be there. */
  readonly base: Version | undefined
  readonly item: Json
}

/**
 * The API compares one number: an instance that is not there passes any guard, and so does a later life that counts from
 * 1. So what is edited or deleted is looked at first, by its time of creation.
 */
export function push(api: Api, config: Config): Push {
  return {
    most: 1000,
    guard: 'version',
    async send(changes, io) {
      const receipts = new Map<string, Receipt>()
      const ready: Outgoing[] = []
      for (const change of changes) {
        const one = outgoing(change)
        if ('state' in one) receipts.set(change.change, one)
        else ready.push(one)
      }
      const free = await stillThere(ready, receipts, io)
      await apply(free, receipts, io)
      return { receipts: changes.flatMap(({ change }) => receipts.get(change) ?? []) }
    },
  }

  function outgoing(change: Change): Outgoing | Receipt {
    const set = config.sets.find(({ name }) => name === change.collection)
    const named = readInstanceId(change.id)
    const no = (reason: string): Receipt => ({ change: change.change, state: 'rejected', code: 'invalid', reason })
    if (set === undefined || named === undefined) return no('The id names no space and externalId.')
    const identity: Identity = { instanceType: set.kind, ...named }
    const base = change.base?.value == null ? undefined : versionOf(change.base.version)
    const existingVersion = base?.version ?? 0
    const { value } = change
    const item =
      value === null
        ? ({ ...identity, existingVersion } as unknown as Json)
        : writeOf(identity, value, change.base?.value ?? null, existingVersion, set)
    if (item === undefined) return no('A field belongs to no selected view.')
    return { change, set, identity, base, item }
  }

  /** Settles what is gone or another life by now; returns the rest. */
  async function stillThere(ready: readonly Outgoing[], receipts: Map<string, Receipt>, io: Io): Promise<Outgoing[]> {
    const based = ready.filter(({ base }) => base !== undefined)
    if (based.length === 0) return [...ready]
    const found = await api.find(
      based.map(({ identity }) => identity),
      [],
      io,
    )
    const now = new Map(found.map(item => [keyIn(item), versionOf(item)]))
    const clash = based.filter(({ identity, base }) => {
      const there = now.get(keyOf(identity))
      return there === undefined || there.createdTime !== base?.createdTime || there.version > base.version
    })
    await explain(clash, receipts, io)
    return ready.filter(one => !clash.includes(one))
  }

  async function apply(some: readonly Outgoing[], receipts: Map<string, Receipt>, io: Io): Promise<void> {
    if (some.length === 0) return
    const upserts = some.filter(({ change }) => change.value !== null)
    const deletes = some.filter(({ change }) => change.value === null)
    const answer = await api.apply(
      upserts.map(({ item }) => item),
      deletes.map(({ item }) => item),
      io,
    )
    if (answer === 'conflict') {
      if (some.length === 1) return explain(some, receipts, io)
      const half = Math.ceil(some.length / 2)
      await apply(some.slice(0, half), receipts, io)
      return apply(some.slice(half), receipts, io)
    }
    const done = new Map(answer.items.map(item => [keyIn(item), item]))
    const gone = new Set(answer.deleted.map(keyIn))
    const unclear: Outgoing[] = []
    const revived: { one: Outgoing; version: Version }[] = []
    for (const one of some) {
      const key = keyOf(one.identity)
      const version = one.change.value === null ? deletedVersion(one, gone.has(key)) : takenVersion(one, done.get(key))
      if (version === undefined) unclear.push(one)
      else if (one.base !== undefined && version.createdTime !== one.base.createdTime) revived.push({ one, version })
      else receipts.set(one.change.change, { change: one.change.change, state: 'accepted', version: { ...version } })
    }
    for (const { one, version } of revived) await complete(one, version, receipts, io)
    await explain(unclear, receipts, io)
  }

  /**
   * It was deleted between our look and our write, which began another life with no more than what we had changed: the
   * rest goes there too, and the delete that did not hold is no secret.
   */
  async function complete(one: Outgoing, { version }: Version, receipts: Map<string, Receipt>, io: Io): Promise<void> {
    const { change, collection, id, value } = one.change
    const whole = writeOf(one.identity, value!, null, version, one.set)!
    const answer = await api.apply([whole], [], io)
    const [item] = answer === 'conflict' ? [] : answer.items
    const now = item === undefined ? undefined : versionOf(item)
    if (now === undefined) return explain([one], receipts, io)
    const remote: RemoteRecord = { collection, id, value, version: { ...now } }
    const lost = { id, value: null, version: { gone: true } }
    receipts.set(change, { change, state: 'settled', verdict: { take: 'local' }, remote, lost })
  }

  /** What was skipped, or may have been there before: the present state tells. */
  async function explain(some: readonly Outgoing[], receipts: Map<string, Receipt>, io: Io): Promise<void> {
    const there = await present(some, io)
    for (const one of some) {
      const { change, value, collection, id } = one.change
      const record = there.get(`${collection}\n${id}`)
      const remote: RemoteRecord = record ?? { collection, id, value: null, version: { gone: true } }
      const agreed = sameValue(remote.value, value)
      receipts.set(
        change,
        agreed ? { change, state: 'accepted', version: remote.version, remote } : { change, state: 'conflict', remote },
      )
    }
  }

  async function present(some: readonly Outgoing[], io: Io): Promise<ReadonlyMap<string, RemoteRecord>> {
    const records = new Map<string, RemoteRecord>()
    for (const set of new Set(some.map(one => one.set))) {
      const own = some.filter(one => one.set === set).map(({ identity }) => identity)
      const views = set.sources.map(({ source: { type, space, externalId, version } }) => ({
        type,
        space,
        externalId,
        version,
      }))
      const withData = await api.find(own, views, io)
      const known = new Set(withData.map(keyIn))
      // What has no data in all of the views is only found without asking for it.
      const rest = views.length === 0 ? [] : own.filter(identity => !known.has(keyOf(identity)))
      const bare = rest.length === 0 ? [] : await api.find(rest, [], io)
      for (const item of [...withData, ...bare]) {
        const record = remoteRecord(item, set)
        if (record !== undefined) records.set(`${record.collection}\n${record.id}`, record)
      }
    }
    return records
  }
}

/** `undefined`: it was skipped, or nothing tells. */
function takenVersion({ base }: Outgoing, item: Json | undefined): Version | undefined {
  const version = item === undefined ? undefined : versionOf(item)
  if (item === undefined || version === undefined) return undefined
  if (flag(item, 'wasModified') === true) return version
  // Unmodified: nothing to change, or skipped; then somebody's version stands there.
  return base !== undefined && version.version === base.version ? version : undefined
}

function deletedVersion({ base }: Outgoing, deleted: boolean): Version | undefined {
  return deleted && base !== undefined ? { ...base, version: base.version + 1 } : undefined
}

const keyOf = ({ instanceType, ...named }: Identity): string => `${instanceType}\n${instanceId(named)}`

const keyIn = (item: Json): string =>
  `${text(item, 'instanceType')}\n${text(item, 'space')}:${text(item, 'externalId')}`
