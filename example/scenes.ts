/** What the users of the two devices do while neither has a network, and how to say in a cell what came of it. */
import type { InboxEntry } from '../src/index.ts'
import type { Act, Holding } from './orders.ts'

export interface Scene {
  /** The file or the page that it is about, as it was called before. */
  readonly about: string
  readonly laptop?: Act
  readonly phone?: Act
}

export const scenes: readonly Scene[] = [
  {
    about: 'README.md',
    laptop: { act: 'append', path: 'README.md', text: '\nWritten on the laptop.\n' },
    phone: { act: 'append', path: 'README.md', text: '\nWritten on the phone.\n' },
  },
  {
    about: 'CHANGELOG.md',
    laptop: { act: 'rename', path: 'CHANGELOG.md', to: 'CHANGES.md' },
    phone: { act: 'rename', path: 'CHANGELOG.md', to: 'HISTORY.md' },
  },
  {
    about: 'CONTRIBUTING.md',
    laptop: { act: 'delete', path: 'CONTRIBUTING.md' },
    phone: { act: 'append', path: 'CONTRIBUTING.md', text: '\nStill wanted on the phone.\n' },
  },
  {
    about: 'docs/SPEC.md',
    laptop: { act: 'append', path: 'docs/SPEC.md', text: '\nStill wanted on the laptop.\n' },
    phone: { act: 'delete', path: 'docs/SPEC.md' },
  },
  {
    about: 'docs/transports.md',
    laptop: { act: 'rename', path: 'docs/transports.md', to: 'writing-a-transport.md' },
    phone: { act: 'append', path: 'docs/transports.md', text: '\nAdded on the phone.\n' },
  },
  {
    about: 'ideas.md',
    laptop: { act: 'create', path: 'ideas.md', text: '# Ideas\n\nOf the laptop.\n' },
    phone: { act: 'create', path: 'ideas.md', text: '# Ideas\n\nOf the phone.\n' },
  },
  {
    about: 'page README.md',
    laptop: { act: 'set', page: 'README.md', fields: { title: 'Laptop' } },
    phone: { act: 'set', page: 'README.md', fields: { title: 'Phone' } },
  },
  {
    about: 'page CHANGELOG.md',
    laptop: { act: 'set', page: 'CHANGELOG.md', fields: { title: 'Laptop' } },
    phone: { act: 'set', page: 'CHANGELOG.md', fields: { tags: ['phone'] } },
  },
  {
    about: 'page CONTRIBUTING.md',
    laptop: { act: 'drop', page: 'CONTRIBUTING.md' },
    phone: { act: 'set', page: 'CONTRIBUTING.md', fields: { title: 'Phone' } },
  },
]

export function said(act: Act | undefined): string {
  switch (act?.act) {
    case undefined:
      return '-'
    case 'append':
      return `adds "${lastLine(act.text)}"`
    case 'rename':
      return `renames it to ${act.to}`
    case 'delete':
    case 'drop':
      return 'deletes it'
    case 'create':
      return `creates it: "${lastLine(act.text)}"`
    case 'set':
      return `sets ${JSON.stringify(act.fields)}`
  }
}

/** What became of it: wherever the same entry is now, and whatever stands beside it. `copies` leads to their originals. */
export function outcome(
  { about }: Scene,
  before: Holding,
  after: Holding,
  copies: { readonly [copy: string]: string },
): string {
  const page = /^page (.*)/.exec(about)?.[1]
  const lines =
    page !== undefined
      ? Object.entries(after.pages)
          .filter(([id]) => id === page || copies[id] === page)
          .map(([id, { words: _, ...shown }]) => `${id === page ? '' : 'a copy: '}${JSON.stringify(shown)}`)
      : Object.entries(after.paths)
          .filter(([id, path]) => before.paths[id] === about || path === about || isCopy(path, about))
          .map(([_, path]) => `${path}: "${lastLine(after.files[path] ?? '')}"`)
  return lines.sort((one, other) => one.length - other.length).join('\n') || 'gone'
}

const isCopy = (path: string, of: string) => path.startsWith(`${of.replace(/\.md$/, '')} (conflicted copy `)

export function inboxLine(entry: InboxEntry, before: Holding): string[] {
  const { verdict, by, loses, state, collection, record, local, copy, reason } = entry
  const name = before.paths[record] ?? (collection === 'tree' ? String(local.value?.name) : record)
  const kept = {
    local: 'its own side',
    remote: `the server's side`,
    both: 'both',
    ask: 'nothing yet',
    merged: 'a mixture',
  }
  const lost = { local: 'its own side', remote: `the server's side`, parts: 'parts of both', nothing: 'nothing' }
  return [
    `${collection}: ${name}`,
    kept[verdict.take] + (copy === undefined ? '' : ', one as a copy'),
    state === 'open' ? (reason ?? 'waits for a person') : lost[loses],
    by,
  ]
}

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1)?.slice(0, 60) ?? ''
