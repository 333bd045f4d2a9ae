import { collection, defineSchema, type Strategy } from '../../src/index.ts'
import { tree } from '../../src/transports/files/sources.ts'

/** A folder that this device does not keep, as it was last known. */
export type LeftFolder = { readonly name: string; readonly parent: string }

/** What the page tells its worker. */
export interface Config {
  readonly url: string
  readonly share: string
  readonly strategy: Strategy
  /** The channel of the network switch. */
  readonly wire: string
}

export const schemaWith = (conflicts: Strategy) =>
  defineSchema({
    version: 1,
    collections: {
      entries: collection({ remote: 'drive', source: 'tree', conflicts, ...tree }),
      // No remote: it stays on this device.
      left: collection<LeftFolder>()({}),
    },
  })
