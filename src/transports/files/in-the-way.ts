/** What this device does not sync may still be in the way of what it sends. */
import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import type { Api } from './api.ts'
import { sameName } from './names.ts'
import type { Work } from './plan.ts'
import { isPart, type Selections, selectionOf } from './selection.ts'
import type { TreeRow } from './sources.ts'
import { viewOf } from './view.ts'
import type { Entry } from './wire.ts'

/** Why the server refused, where no pull would ever show it: what is in the way is not synced to this device. */
export async function hiddenReason(
  api: Api,
  selections: Selections,
  { change, kind, share, value }: Work,
  io: Io,
): Promise<string | undefined> {
  const selection = selectionOf(selections, share)
  if (!isPart(selection) || (value === null && kind === 'file')) return undefined
  const folder = value === null ? change.id : value.parent
  const inTheWay = (entry: Entry) => value === null || (entry.id !== change.id && sameName(entry.name, value.name))
  const listing = await api.children(share, folder === share ? 'root' : folder, io).catch(gone)
  const view = viewOf(api, share, selection, io)
  for (const entry of listing?.entries.filter(inTheWay) ?? []) {
    const [known] = await io.peek(peek => peek.known('tree', [entry.id]))
    const row: TreeRow = { share, parent: folder, name: entry.name, kind: entry.kind }
    if (known || (await view.shows(entry.id, row)) !== 'hidden') continue
    return value === null
      ? 'There is more in it that is not synced to this device. Select that too, or delete it elsewhere.'
      : 'Something that is not synced to this device has this name there. Choose another name.'
  }
  return undefined
}

function gone(error: unknown): undefined {
  if (error instanceof SyncError && (error.code === 'missing' || error.code === 'forbidden')) return undefined
  throw error
}
