/** Pushing records: the shard as it is now, with our changes in it, under compare-and-set (rule 8). */
import { equal } from '../../equal.ts'
import { reactionTo, SyncError } from '../../errors.ts'
import type { Change, Receipt } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io, Sent } from '../../transport.ts'
import { text } from '../shared/shape.ts'
import { type Refusal, refused } from './answers.ts'
import type { Api } from './api.ts'
import { MOST_SHARD_BYTES, type Opened, type RecordsFiles } from './records-folder.ts'
import { knownRow } from './records-reader.ts'
import { makeFolder, type Written, writeFile } from './records-write.ts'
import type { RecordsFolder } from './scope.ts'
import {
  absentRecord,
  DELETED,
  entryRecord,
  MANIFEST,
  nextEntry,
  type Shard,
  type ShardEntry,
  shardName,
  shardOf,
  writeManifest,
  writeShard,
} from './shards.ts'
import { records } from './sources.ts'

const TRIES = 5
const PATIENCE = 2000

export async function sendRecords(
  api: Api,
  files: RecordsFiles,
  home: RecordsFolder,
  changes: readonly Change[],
  io: Io,
): Promise<Sent> {
  const desk: Desk = { api, files, home, io, receipts: new Map(), put: [], gone: [] }
  for (const change of changes) {
    const fault = change.value === null ? undefined : records.check(change.id, change.value)
    if (fault !== undefined) file(desk, [change], { state: 'rejected', code: 'invalid', reason: `${fault}.` })
  }
  const sound = changes.filter(({ change }) => !desk.receipts.has(change))
  const opened = sound.length === 0 ? undefined : await ready(desk, sound)
  if (opened !== undefined) await sendShards(desk, opened, sound)
  return {
    receipts: changes.flatMap(({ change }) => desk.receipts.get(change) ?? []),
    private: { put: desk.put, delete: desk.gone },
  }
}

interface Desk {
  readonly api: Api
  readonly files: RecordsFiles
  readonly home: RecordsFolder
  readonly io: Io
  readonly receipts: Map<string, Receipt>
  readonly put: KeyedRow[]
  readonly gone: RowKey[]
}

type Rest<T> = T extends unknown ? Omit<T, 'change'> : never

function file({ receipts }: Desk, changes: readonly Change[], receipt: Rest<Receipt>): void {
  for (const { change } of changes) receipts.set(change, { change, ...receipt })
}

function wait(desk: Desk, changes: readonly Change[], reason: string, notBefore = desk.io.now() + PATIENCE): void {
  file(desk, changes, { state: 'later', notBefore, reason })
}

/** The folder with its manifest, made if need be; `undefined`: every change has its receipt already. */
async function ready(desk: Desk, changes: readonly Change[]): Promise<(Opened & { shards: number }) | undefined> {
  const { home, files, io, put } = desk
  const last = await io.peek(peek => peek.row(['folder', home.source]))
  for (let tries = 0; tries < TRIES; tries++) {
    const opened = await files.open(home, text(last, 'folder'), io)
    if (opened?.unreadable) {
      wait(desk, changes, `${home.path} has no manifest that is understood.`, io.now() + 60_000)
      return undefined
    }
    if (opened?.shards !== undefined) {
      put.push({ key: ['folder', home.source], row: { folder: opened.folder, shards: opened.shards } })
      return { ...opened, shards: opened.shards }
    }
    // Somebody may be doing the same: whoever is refused looks again and finds what the other made.
    const outcome =
      opened === undefined
        ? await makeFolder(desk)
        : await writeFile(desk, opened.folder, MANIFEST, undefined, writeManifest())
    if (outcome === 'again' || outcome === 'unclear' || outcome.state === 'done') continue
    for (const receipt of await refusedAll(desk, outcome, changes)) desk.receipts.set(receipt.change, receipt)
    return undefined
  }
  wait(desk, changes, `${home.path} could not be set up.`)
  return undefined
}

async function sendShards(desk: Desk, opened: Opened & { shards: number }, changes: readonly Change[]): Promise<void> {
  const groups = new Map<number, Change[]>()
  for (const change of changes) {
    const n = shardOf(await desk.io.digest(new TextEncoder().encode(change.id)), opened.shards)
    groups.set(n, [...(groups.get(n) ?? []), change])
  }
  // One after the other: at most one request with an effect is in flight.
  const failures: SyncError[] = []
  for (const [n, own] of groups) {
    try {
      await sendShard(desk, opened, n, own)
    } catch (error) {
      if (!(error instanceof SyncError) || isFatal(error)) throw error
      failures.push(error)
      if (UNREACHABLE.has(error.code)) break
    }
  }
  const [first] = failures
  if (first === undefined) return
  if ([...desk.receipts.values()].every(({ state }) => state === 'unknown')) throw first
  const open = changes.filter(({ change }) => !desk.receipts.has(change))
  wait(desk, open, first.message, first.notBefore)
}

/** The other shards would fare no better. */
const UNREACHABLE = new Set(['network', 'timeout', 'throttled', 'needs-auth', 'late'])

const isFatal = (error: unknown): boolean =>
  !(error instanceof SyncError) || ['aborted', 'stale-leader', 'closed', 'bug', 'device-gone'].includes(error.code)

/** One shard: read, judge, write back if nobody was faster, else once more. */
async function sendShard(desk: Desk, opened: Opened, n: number, changes: readonly Change[]): Promise<void> {
  const { files, home, io } = desk
  let listed = opened.files.get(n)
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) listed = (await files.open(home, opened.folder, io))?.files.get(n)
    const read = listed && (await files.shard(home.share, listed, io))
    if (read === 'unreadable') {
      return wait(desk, changes, `${home.path}/${shardName(n)} cannot be read.`, io.now() + 60_000)
    }
    const shard: Shard = read?.shard ?? new Map()
    const writes = judged(desk, shard, n, changes)
    if (writes.length === 0) return
    const next = withChanges(shard, writes)
    const bytes = writeShard(next)
    if (read && read.version === undefined) return noVersions(desk, writes)
    const current = listed && read?.version !== undefined ? { id: listed.id, version: read.version } : undefined
    const tooLong = bytes.length > MOST_SHARD_BYTES
    const outcome = tooLong ? tooLarge : await tryWrite(desk, opened.folder, n, current, bytes, writes)
    if (outcome === 'again' || outcome === 'unclear') continue
    if (outcome.state === 'done') {
      files.keep(outcome.version, next)
      return written(desk, n, writes)
    }
    if (outcome.status === 413 && writes.length > 1) {
      for (const one of writes) await sendShard(desk, opened, n, [one]) // one of them is too much
      return
    }
    for (const receipt of await refusedAll(desk, outcome, writes)) desk.receipts.set(receipt.change, receipt)
    return
  }
  const open = changes.filter(({ change }) => !desk.receipts.has(change))
  wait(desk, open, `Others keep writing ${home.path}/${shardName(n)}.`)
}

function noVersions(desk: Desk, changes: readonly Change[]): void {
  const reason = 'The file server does not say which version a file is, so nothing can be changed safely.'
  file(desk, changes, { state: 'rejected', code: 'unsupported', reason })
}

const tooLarge: Refusal = { state: 'refused', status: 413, code: undefined, index: undefined }

/** Receipts for what is settled already; the rest is to be written. */
function judged(desk: Desk, shard: Shard, n: number, changes: readonly Change[]): Change[] {
  const { source } = desk.home
  return changes.filter(change => {
    const entry = shard.get(change.id)
    const done = change.value === null ? entry === undefined : hasTaken(entry, change.change)
    if (done) written(desk, n, [change])
    else if (fits(change, entry)) return true
    else {
      const remote = entry ? entryRecord(source, entry) : absentRecord(source, change.id)
      file(desk, [change], { state: 'conflict', remote })
      // The engine has seen it by this: its absence will mean something from here on.
      if (entry) desk.put.push(knownRow(source, n, change.id, entry.v))
    }
    return false
  })
}

/** It is there, or was: what came after it is news for the next pull. */
const hasTaken = (entry: ShardEntry | undefined, change: string): boolean =>
  entry?.v === change || entry?.past?.includes(change) === true

/** Whether the shard still has what the change started from. */
function fits({ base }: Change, entry: ShardEntry | undefined): boolean {
  if (entry === undefined) return base === null || base.value === null
  return base !== null && base.value !== null && equal(base.version as string, entry.v) // opaque, and ours is a string
}

function withChanges(shard: Shard, writes: readonly Change[]): Shard {
  const next = new Map(shard)
  for (const { id, change, at, value } of writes) {
    if (value === null) next.delete(id)
    else next.set(id, nextEntry(shard.get(id), { id, v: change, at: { time: at.time, device: at.device }, value }))
  }
  return next
}

/** Accepted, and known to be there, so that its absence will mean something. */
function written(desk: Desk, n: number, changes: readonly Change[]): void {
  const { source } = desk.home
  for (const change of changes) {
    const { id, value } = change
    file(desk, [change], { state: 'accepted', version: value === null ? DELETED : change.change })
    if (value === null) desk.gone.push(['known', source, n, id])
    else desk.put.push(knownRow(source, n, id, change.change))
  }
}

/** A write whose answer is lost leaves its changes in doubt; the next pull shows them, by their own ids. */
async function tryWrite(
  desk: Desk,
  folder: string,
  n: number,
  current: { readonly id: string; readonly version: string } | undefined,
  bytes: Uint8Array,
  writes: readonly Change[],
): Promise<Written> {
  try {
    return await writeFile(desk, folder, shardName(n), current, bytes)
  } catch (error) {
    if (error instanceof SyncError && reactionTo(error).effect === 'maybe') file(desk, writes, { state: 'unknown' })
    throw error
  }
}

/** The one request spoke for all of them. */
function refusedAll({ api, io }: Desk, refusal: Refusal, changes: readonly Change[]): Promise<Receipt[]> {
  const ids = changes.map(({ change }) => change)
  return refused(api, refusal, ids, ids, io)
}
