/** One device: an app with notes. All of Tidemark that it needs is in this file and in `sync.worker.ts`. */
import { open, type Strategy } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { files } from '../../src/transports/files/index.ts'
import { byId } from '../dom.ts'
import { switched } from '../network.ts'
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
const wire = new BroadcastChannel(`${store}:network`)
network.checked = sessionStorage.getItem(store) !== 'off'
network.onchange = () => {
  sessionStorage.setItem(store, network.checked ? 'on' : 'off')
  wire.postMessage(network.checked)
}

const db = await open({
  store: indexeddb(store),
  schema: schemaWith(strategy),
  remotes: { drive: files({ url, share, folders: { notes: '/notes' }, token: () => token, platform: 'web' }) },
  device: { name: title },
  platform: switched(wire.name, network.checked),
})

showStatus(db.remotes.drive.status)
showNotes(db)
showOutbox(db)
showInbox(db)
