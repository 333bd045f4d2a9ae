/** Jobs: what two remotes do for us, asked for here, with their course and their history. */
import { type Job, type JobStatus, type Live, open, type Runs, type Status } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { said } from '../device/status.ts'
import { byId, clock, h, keyed, type Row } from '../dom.ts'
import { wire } from '../network.ts'
import { jobsPlace } from '../stage/asks.ts'
import { schema } from './schema.ts'

const place = await jobsPlace()
const store = `playground-jobs:${place.airweave.key}`
const network = byId<HTMLInputElement>('network')
network.checked = sessionStorage.getItem(store) !== 'off'
const line = wire(`${store}:network`, () => network.checked)
network.onchange = () => {
  sessionStorage.setItem(store, network.checked ? 'on' : 'off')
  line.turned()
}

const db = await open<typeof import('./jobs.worker.ts').default>({
  account: store,
  config: { ...place, wire: `${store}:network` },
  store: indexeddb(store),
  schema,
  tokens: { airweave: () => place.airweave.key, cognee: () => place.cognee.key },
  worker: () => new Worker(new URL('./jobs.worker.ts', import.meta.url), { type: 'module', name: 'Jobs' }),
  device: { name: 'Jobs' },
})

const { airweave, cognee } = db.remotes

panel(byId('airweave'), 'Airweave', airweave, names => {
  db.data.connections.live().subscribe(rows => {
    names.clear()
    for (const { id, value } of rows) names.set(id, value.name)
    sources.replaceChildren(
      ...rows.map(({ id, value }) =>
        h(
          'li',
          { className: 'line' },
          h('strong', { textContent: value.name }),
          h('span', { className: 'quiet', textContent: `${value.status}, ${value.entities} entities` }),
          button('Sync', () => airweave.run({ sourceConnection: id })),
          button('Sync all of it', () => airweave.run({ sourceConnection: id, forceFullSync: true })),
        ),
      ),
    )
  })
  const sources = h('ul')
  return sources
})

panel(byId('cognee'), 'Cognee', cognee, names => {
  db.data.datasets.live().subscribe(rows => {
    names.clear()
    for (const { id, value } of rows) names.set(id, value.name)
    sources.replaceChildren(
      ...rows.map(({ id, value }) =>
        h(
          'li',
          { className: 'line' },
          h('strong', { textContent: value.name }),
          button('Sync to the cloud', () => cognee.run({ datasets: [id] })),
        ),
      ),
      ...(rows.length > 1
        ? [
            h(
              'li',
              {},
              button('Sync all of them', () => cognee.run({ scope: 'all' })),
            ),
          ]
        : []),
    )
  })
  const sources = h('ul')
  return sources
})

type Handle = { readonly status: Live<Status>; readonly jobs: Runs['jobs'] }

/** One remote: its status, what can be run, and what was. `names`: of what a request names by id. */
function panel(
  section: HTMLElement,
  title: string,
  remote: Handle,
  makeSources: (names: Map<string, string>) => HTMLElement,
): void {
  const chip = h('span', { className: 'chip' })
  const reason = h('p', { className: 'quiet' })
  const list = h('ul')
  const none = h('p', { className: 'quiet', textContent: 'Nothing was run yet.' })
  const names = new Map<string, string>()
  section.append(
    h('header', {}, h('h2', { textContent: title }), chip),
    reason,
    makeSources(names),
    h('h3', { textContent: 'Jobs' }),
    list,
    none,
  )
  remote.status.subscribe(({ phase, reason: why }) => {
    chip.textContent = said[phase]
    chip.dataset.phase = phase
    reason.textContent = why?.message ?? ''
  })
  const rows = keyed<JobStatus>(
    list,
    ({ id }) => id,
    ({ id }) => jobRow(remote.jobs.get(id), names),
  )
  remote.jobs.live().subscribe(jobs => {
    rows(jobs)
    none.hidden = jobs.length > 0
  })
}

function jobRow(job: Job, names: ReadonlyMap<string, string>): Row<JobStatus> {
  const what = h('strong')
  const how = h('span', { className: 'quiet' })
  const bar = h('progress', { max: 1, label: 'Progress' })
  const cancel = button('Cancel', () => job.cancel())
  const counts = h('p', { className: 'quiet' })
  return {
    element: h('li', {}, h('div', { className: 'line' }, what, how, cancel), bar, counts),
    show(status) {
      const over = status.endedAt !== undefined
      what.textContent = about(status, names)
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

function about({ request }: JobStatus, names: ReadonlyMap<string, string>): string {
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

function button(textContent: string, act: () => Promise<unknown>): HTMLButtonElement {
  const onclick = () => void act().catch(error => alert(error.message))
  return h('button', { type: 'button', textContent, onclick })
}
