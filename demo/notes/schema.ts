import { collection, defineSchema, type Strategy } from '../../src/index.ts'
import { records } from '../../src/transports/files/sources.ts'

export type Note = { readonly title: string; readonly text: string; readonly at: number }

/** What the page tells its worker. */
export interface Config {
  readonly url: string
  readonly share: string
  readonly strategy: Strategy
  /** The channel of the network switch. */
  readonly wire: string
}

export const schemaWith = (conflicts: Strategy) =>
  defineSchema({ version: 1, collections: { notes: collection<Note>()({ remote: 'drive', conflicts, ...records }) } })
