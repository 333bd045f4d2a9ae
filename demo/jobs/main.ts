/** Jobs: what two remotes do for us, asked for here, with their course and their history. */
import { type Job, type JobStatus, open, type RemoteHandle, type Runs } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { ask } from '../parts/ask.ts'
import { network } from '../parts/device.ts'
import { button, byId, clock, h, type Row } from '../parts/dom.ts'
import { panel } from '../parts/panel.ts'
import { top } from '../parts/stage.ts'
import { statusLine } from '../parts/status.ts'
import { type JobsPlace, schema } from './schema.ts'

const place = await ask<JobsPlace>('jobs/place')
const store = `playground-jobs:${place.airweave.key}`
const line = network(store)
top('Jobs', line.label)

const db = await open<typeof import('./jobs.worker.ts').default>({
  account: store,
  config: { ...place, wire: line.channel },
  store: indexeddb(store),
  schema,
  tokens: { airweave: () => place.airweave.key, cognee: () => place.cognee.key },
  worker: () => new Worker(new URL('./jobs.worker.ts', import.meta.url), { type: 'module', name: 'Jobs' }),
  device: { name: 'Jobs' },
})

const { airweave, cognee } = db.remotes
/** Of what a request names by id. */
const names = new Map<string, string>()
/** Shows the jobs once more. */
const again: (() => void)[] = []
function learn(rows: readonly { readonly id: string; readonly value: { readonly name: string } }[]): void {
  for (const { id, value } of rows) names.set(id, value.name)
  for (const show of again) show()
}

const sources = panel<Awaited<ReturnType<typeof db.data.connections.list>>[number]>(
  'Sources',
  'No sources yet.',
  ({ id }) => id,
  ({ id }) => {
    const [name, how] = [h('strong'), h('span', { className: 'quiet' })]
    const buttons = [
      button('Sync', () => airweave.run({ sourceConnection: id })),
      button('Sync all of it', () => airweave.run({ sourceConnection: id, forceFullSync: true })),
    ]
    return {
      element: h('li', { className: 'line' }, name, how, ...buttons),
      show({ value }) {
        name.textContent = value.name
        how.textContent = `${value.status}, ${value.entities} entities`
      },
    }
  },
)
db.data.connections.live().subscribe(rows => {
  learn(rows)
  sources.show(rows)
})

const all = button('Sync all of them', () => cognee.run({ scope: 'all' }))
const datasets = panel<Awaited<ReturnType<typeof db.data.datasets.list>>[number]>(
  'Datasets',
  'No datasets yet.',
  ({ id }) => id,
  ({ id }) => {
    const name = h('strong')
    return {
      element: h(
        'li',
        { className: 'line' },
        name,
        button('Sync to the cloud', () => cognee.run({ datasets: [id] })),
      ),
      show({ value }) {
        name.textContent = value.name
      },
    }
  },
  all,
)
db.data.datasets.live().subscribe(rows => {
  learn(rows)
  datasets.show(rows)
  all.hidden = rows.length < 2
})

for (const [id, title, remote, { element }] of [
  ['airweave', 'Airweave', airweave, sources],
  ['cognee', 'Cognee', cognee, datasets],
] as const) {
  byId(id).append(h('header', {}, h('h2', { textContent: title }), statusLine(remote)), element, jobsPanel(remote))
}

function jobsPanel({ jobs }: Pick<RemoteHandle & Runs, 'jobs'>): HTMLElement {
  const { element, show } = panel<JobStatus>(
    'Jobs',
    'Nothing was run yet.',
    ({ id }) => id,
    ({ id }) => jobRow(jobs.get(id)),
  )
  const all = jobs.live()
  all.subscribe(show)
  again.push(() => show(all.snapshot().value ?? []))
  return element
}

function jobRow(job: Job): Row<JobStatus> {
  const what = h('strong')
  const how = h('span', { className: 'quiet' })
  const bar = h('progress', { max: 1, label: 'Progress' })
  const cancel = button('Cancel', () => job.cancel())
  const counts = h('p', { className: 'quiet' })
  return {
    element: h('li', {}, h('div', { className: 'line' }, what, how, cancel), bar, counts),
    show(status) {
      const over = status.endedAt !== undefined
      what.textContent = about(status)
      how.textContent = `${stateOf(status)} · ${clock(status.endedAt ?? status.createdAt)}`
      cancel.hidden = over || status.cancel !== undefined
      bar.hidden = over
      // Without a number the browser shows that something is going on.
      if (status.progress === undefined || status.state === 'queued') bar.removeAttribute('value')
      else bar.value = status.progress
      const counters = Object.entries(status.counters ?? {}).filter(([, count]) => count > 0)
      const told = [status.reason, status.failure?.message, ...counters.map(([name, count]) => `${count} ${name}`)]
      counts.textContent = told.filter(Boolean).join(' · ')
    },
  }
}

function about({ request }: JobStatus): string {
  const asked = request as { sourceConnection?: string; forceFullSync?: boolean; datasets?: string[]; scope?: string }
  if (asked.scope === 'all') return 'All datasets'
  const ids = asked.datasets ?? [asked.sourceConnection ?? '']
  return `${ids.map(id => names.get(id) ?? id).join(', ')}${asked.forceFullSync ? ', all of it' : ''}`
}

function stateOf({ state, job, joined, cancel, unknownSince }: JobStatus): string {
  if (state === 'queued' && job === undefined) return cancel ? 'being cancelled' : 'waits for its turn'
  const words = [state.replaceAll('-', ' ')]
  if (joined) words.push('started by somebody else')
  if (cancel === 'impossible') words.push('cannot be cancelled any more')
  if (unknownSince !== undefined) words.push('no news')
  return words.join(', ')
}
