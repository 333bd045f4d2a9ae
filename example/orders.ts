/** What the parent may ask of a device, and what it hears back. */
import type { InboxEntry, Status } from '../src/index.ts'
import type { Page } from './schema.ts'

/** One thing that a person does. Files go by their path, pages by their id. */
export type Act =
  | { readonly act: 'append'; readonly path: string; readonly text: string }
  | { readonly act: 'rename'; readonly path: string; readonly to: string }
  | { readonly act: 'delete'; readonly path: string }
  | { readonly act: 'create'; readonly path: string; readonly text: string }
  | { readonly act: 'set'; readonly page: string; readonly fields: Partial<Page> }
  | { readonly act: 'drop'; readonly page: string }

export interface Orders {
  /** Puts texts in by their path, with the folders on the way, and a page for each. */
  import(texts: { readonly [path: string]: string }): Promise<void>
  pause(): Promise<void>
  resume(): Promise<void>
  /** Waits until this device has looked at the server once more and nothing is left to do by itself. */
  sync(): Promise<Status>
  do(act: Act): Promise<void>
  show(): Promise<Holding>
  inbox(): Promise<readonly InboxEntry[]>
  /** Settles what the strategy left to a person. */
  settle(): Promise<number>
  close(): Promise<void>
}

/** Everything that a device, or the server, holds. */
export interface Holding {
  /** Text by path. Folders end in `/` and have none. */
  readonly files: { readonly [path: string]: string }
  readonly pages: { readonly [id: string]: Page }
  /** Paths by entry id, to follow what was renamed. The server tells it too. */
  readonly paths: { readonly [id: string]: string }
}
