/** One device: an app with notes. All of Tidemark that it needs is in this file and in `notes.worker.ts`. */
import { open } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { placeOf } from '../parts/ask.ts'
import { asked, deviceHeader, network } from '../parts/device.ts'
import { changed, inboxPanel } from '../parts/inbox.ts'
import { outboxPanel } from '../parts/outbox.ts'
import { statusLine } from '../parts/status.ts'
import type { SharePlace } from '../sandbox/shares.ts'
import { notesPanel } from './list.ts'
import { schemaWith } from './schema.ts'

const { device, title, strategy, play } = asked()
const { url, token, play: share } = await placeOf<SharePlace>('notes', play)
const store = `playground-notes:${share}:${device}`
const line = network(store)

const db = await open<typeof import('./notes.worker.ts').default>({
  account: store,
  config: { url, share, strategy, wire: line.channel },
  store: indexeddb(store),
  schema: schemaWith(strategy),
  tokens: { drive: () => token },
  worker: () => new Worker(new URL('./notes.worker.ts', import.meta.url), { type: 'module', name: title }),
  device: { name: title },
})

document.body.append(
  deviceHeader(title, line, statusLine(db.remotes.drive)),
  notesPanel(db),
  outboxPanel(db.outbox, ({ value }) => (value === null ? 'A deletion' : String(value.title || 'Untitled'))),
  inboxPanel(db.conflicts, {
    titleOf: ({ local, theirs, base }) => String((local.value ?? theirs.value ?? base?.value)?.title || 'Untitled'),
    sideOf: ({ title = '', text = '' }, base) => changed({ title, text }, base),
  }),
)
