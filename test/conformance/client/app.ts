/** The app that the client suite is played with. The same schema in the page and in its worker. */
import type { Db, MergeField } from '../../../src/index.ts'
import type { AskToken } from '../../../src/transport.ts'
import { files } from '../../../src/transports/files/index.ts'
import type { schema } from './schema.ts'

export { type Note, schema } from './schema.ts'

export interface Config {
  /** The store's name or file. */
  readonly store: string
  readonly url: string
  readonly share: string
}

const longest: MergeField = (_base, local, remote) => ({
  field: String(local).length > String(remote).length ? local : remote,
})
export const strategies = { LONGEST: longest }

export function remotesOf({ url, share }: Config, token: AskToken) {
  const folders = { notes: '/notes', kept: '/kept', asked: '/asked', merged: '/merged' }
  return { drive: files({ url, share, folders, platform: 'web', token }) }
}

export type AppDb = Db<typeof schema.collections, ReturnType<typeof remotesOf>>
