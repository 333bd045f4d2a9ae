/** What the page and its worker have in common: the notes app's schema, and where it keeps its notes. */
import { type AskToken, collection, defineSchema, type Strategy } from '../../../src/index.ts'
import { files, records, tree } from '../../../src/transports/files/index.ts'

export interface Note {
  title: string
  n?: number
  length?: number
}

/** How a database is to be opened. The token is not among it: that is asked for. */
export interface Config {
  readonly store: string
  /** Where the remote is. */
  readonly url: string
  readonly share: string
  readonly rule?: Strategy
  /** The app's next release: notes say how long they are. */
  readonly next?: boolean
}

export function schemaOf({ rule, next }: Config) {
  const collections = {
    notes: collection<Note>()({ remote: 'drive', ...records, ...(rule !== undefined && { conflicts: rule }) }),
    entries: collection({ remote: 'drive', source: 'tree', ...tree }),
  }
  if (!next) return defineSchema({ version: 1, collections })
  const migrations = { 2: { notes: (row: object) => ({ ...row, length: String((row as Note).title).length }) } }
  return defineSchema({ version: 2, collections, migrations })
}

export function remotesOf({ url, share }: Config, token: AskToken) {
  return { drive: files({ url, share, folders: { notes: '/notes' }, platform: 'web', token }) }
}
