/** One device: an app with the files of a share. */
import { open, type Value } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { placeOf } from '../parts/ask.ts'
import { asked, deviceHeader, network } from '../parts/device.ts'
import { sizeOf } from '../parts/dom.ts'
import { inboxPanel } from '../parts/inbox.ts'
import { outboxPanel } from '../parts/outbox.ts'
import { statusLine } from '../parts/status.ts'
import type { SharePlace } from '../sandbox/shares.ts'
import { devicesPanel } from './devices.ts'
import { filesPanel } from './files.ts'
import { schemaWith } from './schema.ts'
import { selection } from './selection.ts'

const { device, title, strategy, play } = asked()
const { url, token, play: share } = await placeOf<SharePlace>('files', play)
const store = `playground-files:${share}:${device}`
const line = network(store)

const db = await open<typeof import('./files.worker.ts').default>({
  account: store,
  config: { url, share, strategy, wire: line.channel },
  store: indexeddb(store),
  schema: schemaWith(strategy),
  tokens: { drive: () => token },
  worker: () => new Worker(new URL('./files.worker.ts', import.meta.url), { type: 'module', name: title }),
  device: { name: title },
})

/** Names of what is here or was, for changes and conflicts that know an id only. */
const names = new Map([[share, '/']])
db.data.entries.live().subscribe(items => {
  for (const { id, value } of items) names.set(id, value.name)
})

document.body.append(
  deviceHeader(title, line, statusLine(db.remotes.drive)),
  filesPanel(db, share, selection(db, share)),
  outboxPanel(db.outbox, ({ id, value }) => {
    const name = String(value?.name ?? names.get(id) ?? 'An entry')
    return value === null ? `${name}, deleted` : name
  }),
  inboxPanel(db.conflicts, {
    titleOf: ({ local, theirs, base }) => String((local.value ?? theirs.value ?? base?.value)?.name ?? 'An entry'),
    sideOf,
  }),
  devicesPanel(db.remotes.drive),
)

/** An entry has two parts that can change: its place, and what is in it. */
function sideOf(value: Value, base: Value | null | undefined): string {
  const { name, parent, sha256, size, modifiedAt } = value
  const moved = parent !== base?.parent
  return [
    (moved || name !== base?.name) && `called ${name}`,
    moved && `in ${names.get(String(parent)) ?? 'a folder that is not here'}`,
    sha256 !== undefined &&
      sha256 !== base?.sha256 &&
      `${sizeOf(Number(size))} of ${new Date(Number(modifiedAt)).toLocaleTimeString()}, ${String(sha256).slice(0, 8)}…`,
  ]
    .filter(Boolean)
    .join(', ')
}
