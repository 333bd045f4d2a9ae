/** Bytes on their way: one row per body and direction, so that a transfer survives its tab, and everybody can see it. */
import type { Code } from '../errors.ts'
import type { Reader, RowKey, Writer } from '../store.ts'
import { getRow } from './rows.ts'

export interface Transfer {
  readonly remote: string
  readonly direction: 'up' | 'down'
  readonly sha256: string
  /** The record that it is for; others may name the same bytes. */
  readonly collection: string
  readonly id: string
  /** Bytes; absent: not known yet. */
  readonly size?: number
  readonly done: number
  /** Higher goes first. */
  readonly priority: number
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number
  /** `next`: when it is tried again by itself; absent: when somebody asks. */
  readonly failure?: {
    readonly code: Code
    readonly message: string
    readonly at: number
    readonly tries: number
    readonly next?: number
  }
  /** Of an upload: the remote has the bytes, and they wait there for the change that names them. */
  readonly arrived?: number
}

type Name = Pick<Transfer, 'remote' | 'direction' | 'sha256'>

export const transferKey = ({ remote, direction, sha256 }: Name): RowKey => ['transfer', remote, direction, sha256]

export const getTransfer = (tx: Reader, name: Name): Promise<Transfer | undefined> =>
  getRow<Transfer>(tx, 'meta', transferKey(name))

export async function listTransfers(
  tx: Reader,
  remote: string,
  direction?: Transfer['direction'],
): Promise<Transfer[]> {
  const rows = await tx
    .rows('meta')
    .list({ prefix: direction === undefined ? ['transfer', remote] : ['transfer', remote, direction] })
  return rows.map(({ row }) => row as Transfer)
}

export async function putTransfer(tx: Writer, transfer: Transfer): Promise<void> {
  await tx.rows('meta').putMany([{ key: transferKey(transfer), row: transfer }])
}

export async function dropTransfer(tx: Writer, name: Name): Promise<void> {
  await tx.rows('meta').deleteMany([transferKey(name)])
}

/** What a remote has, or why something did not come, is worth knowing for some days, in milliseconds. */
const keptFor = 7 * 24 * 3_600_000

export async function dropOldTransfers(tx: Writer, now: number): Promise<void> {
  const rows = await tx.rows('meta').list({ prefix: ['transfer'] })
  const old = rows.filter(({ row }) => {
    const { arrived, failure, direction } = row as Transfer
    const ended = direction === 'up' ? arrived : failure?.next === undefined ? failure?.at : undefined
    return ended !== undefined && now - ended > keptFor
  })
  await tx.rows('meta').deleteMany(old.map(({ key }) => key))
}
