/** The app that the client suite is played with. The same schema in the page and in its worker. */
import { collection, type Db, defineSchema, type MergeField } from '../../../src/index.ts'
import type { AskToken } from '../../../src/transport.ts'
import { files, records, tree } from '../../../src/transports/files/index.ts'

export interface Note {
  readonly title: string
  readonly text?: string
}

export interface Config {
  /** The store's name or file. */
  readonly store: string
  readonly url: string
  readonly share: string
}

export const schema = defineSchema({
  version: 1,
  collections: {
    notes: collection<Note>()({ remote: 'drive', ...records }),
    kept: collection<Note>()({ remote: 'drive', conflicts: 'KEEP_BOTH', ...records }),
    asked: collection<Note>()({ remote: 'drive', conflicts: 'MANUAL', ...records }),
    merged: collection<Note>()({
      remote: 'drive',
      conflicts: { fields: { text: 'LONGEST' }, otherwise: 'SERVER_WINS', onDelete: 'KEEP_BOTH' },
      ...records,
    }),
    drafts: collection<Note>()({}),
    entries: collection({ remote: 'drive', source: 'tree', ...tree }),
  },
})

const longest: MergeField = (_base, local, remote) => ({
  field: String(local).length > String(remote).length ? local : remote,
})
export const strategies = { LONGEST: longest }

export function remotesOf({ url, share }: Config, token: AskToken) {
  const folders = { notes: '/notes', kept: '/kept', asked: '/asked', merged: '/merged' }
  return { drive: files({ url, share, folders, platform: 'web', token }) }
}

export type AppDb = Db<typeof schema.collections, ReturnType<typeof remotesOf>>
