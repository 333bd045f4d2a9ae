/** One device at the plant: readings of a stream, and a graph of pumps and pipes. */
import { type InboxEntry, open, platform, type Value } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { placeOf } from '../parts/ask.ts'
import { asked, deviceHeader, network } from '../parts/device.ts'
import { changed, inboxPanel } from '../parts/inbox.ts'
import { outboxPanel } from '../parts/outbox.ts'
import { statusLine } from '../parts/status.ts'
import type { CognitePlace } from '../sandbox/cognite.ts'
import { timePasses } from './clock.ts'
import { graphPanel } from './graph.ts'
import { readingsPanel } from './readings.ts'
import { schemaWith } from './schema.ts'

const { device, title, strategy, play } = asked()
const { tokens, ...place } = await placeOf<CognitePlace>('cognite', play)
const token = () => tokens[device] ?? ''
const store = `playground-cognite:${place.play}:${device}`
let { ahead } = place
const line = network(store, () => ahead)

const db = await open<typeof import('./cognite.worker.ts').default>({
  account: store,
  config: { ...place, strategy, wire: line.channel },
  store: indexeddb(store),
  schema: schemaWith(strategy),
  tokens: { stream: token, graph: token },
  worker: () => new Worker(new URL('./cognite.worker.ts', import.meta.url), { type: 'module', name: title }),
  device: { name: title },
  platform: { ...platform(), now: () => Date.now() + ahead },
})
const { stream, graph } = db.remotes

timePasses(place.play, device, line, [stream, graph], to => {
  ahead = to
})

/** Names of pumps that are here or were. */
const names = new Map<string, string>()
db.data.pumps.live().subscribe(items => {
  for (const { id, value } of items) names.set(id, value.name ?? '')
})
const nameOf = (id: string, value: Value | null | undefined) =>
  String(value?.name ?? names.get(id) ?? id.slice(id.indexOf(':') + 1))

document.body.append(
  deviceHeader(title, line, statusLine(stream, 'Stream'), statusLine(graph, 'Graph')),
  readingsPanel(db, place.play),
  graphPanel(db, place.play),
  outboxPanel(db.outbox, ({ id, value }) => (value === null ? `${nameOf(id, value)}, deleted` : nameOf(id, value))),
  inboxPanel(db.conflicts, {
    titleOf: ({ record, local, theirs, base }: InboxEntry) =>
      nameOf(record, local.value ?? theirs.value ?? base?.value),
    sideOf: changed,
  }),
)
