/** One device: an app with notes. All of Tidemark that it needs is in this file and in `sync.worker.ts`. */
import { open, type Strategy } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { byId } from '../dom.ts'
import { wire } from '../network.ts'
import { schemaWith } from '../schema.ts'
import { lastPlace } from '../stage/asks.ts'
import { showInbox } from './inbox.ts'
import { showNotes } from './notes.ts'
import { showOutbox } from './outbox.ts'
import { showStatus } from './status.ts'

const asked = new URLSearchParams(location.search)
const device = asked.get('device') ?? 'laptop'
const strategy = (asked.get('strategy') ?? 'MERGE') as Strategy
const { url, token, share: last } = await lastPlace()
const share = asked.get('share') ?? last

const title = device.charAt(0).toUpperCase() + device.slice(1)
document.title = title
byId('name').textContent = title

const store = `playground:${share}:${device}`
const network = byId<HTMLInputElement>('network')
network.checked = sessionStorage.getItem(store) !== 'off'
const line = wire(`${store}:network`, () => network.checked)
network.onchange = () => {
  sessionStorage.setItem(store, network.checked ? 'on' : 'off')
  line.turned()
}

const db = await open<typeof import('../sync.worker.ts').default>({
  account: store,
  config: { url, share, strategy, wire: `${store}:network` },
  store: indexeddb(store),
  schema: schemaWith(strategy),
  tokens: { drive: () => token },
  worker: () => new Worker(new URL('../sync.worker.ts', import.meta.url), { type: 'module', name: title }),
  device: { name: title },
})

showStatus(db.remotes.drive.status)
showNotes(db)
showOutbox(db)
showInbox(db)
