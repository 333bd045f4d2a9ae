import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RemoteRecord } from '../../../src/model.ts'
import type { Client } from '../../conformance/transport-io.ts'
import { type Drive, drive, sha256 } from './drive.ts'

/** Servers that follow the contract, each in its own way. */
const servers = {
  'as the sandbox is': {},
  'with the listing and rows of the vendor': { listing: 'lean', metadata: 'lean', errors: 'bare', refusals: 'batch' },
  'without metadata, with cursors beyond 2^53': { listing: 'lean', metadata: 'absent', cursors: 'huge' },
  'with text cursors, seen by a browser': { cursors: 'text', seenAs: 'browser', cors: 'strict' },
} as const

/** The tree as a client sees it: path to what is there. */
function pathsOf(one: Client, share: string): Record<string, string> {
  const tree = one.live('tree')
  const path = ({ value }: RemoteRecord): string =>
    value?.parent === share ? `/${value.name}` : `${path(tree[String(value?.parent)]!)}/${value?.name}`
  return Object.fromEntries(
    Object.values(tree).map(record => [path(record), `${record.id} ${record.value?.sha256 ?? ''}`]),
  )
}

const truth = (d: Drive): Record<string, string> =>
  Object.fromEntries((d.server.inspect().tree[d.share] ?? []).map(it => [it.path, `${it.id} ${it.sha256 ?? ''}`]))

test('a first pull brings the whole tree, whole, and the cursor behind it', async () => {
  const d = drive()
  const docs = d.admin.createFolder(d.share, '/docs')
  const file = d.admin.createFile(d.share, '/docs/a.txt', 'hello', { modified_at: 1_777_000_000_000 })
  const one = d.stranger()
  await one.transport.join!(one.io())
  const pages = await one.pull()
  expect(one.live('tree')).toEqual({
    [docs.resource_id]: {
      collection: 'tree',
      id: docs.resource_id,
      value: { share: d.share, parent: d.share, name: 'docs', kind: 'folder' },
      version: docs.version_id,
      at: expect.any(Number),
      origin: docs.version_id.slice(4),
    },
    [file.resource_id]: {
      collection: 'tree',
      id: file.resource_id,
      value: {
        share: d.share,
        parent: docs.resource_id,
        name: 'a.txt',
        kind: 'file',
        size: 5,
        sha256: sha256('hello'),
        mime: 'text/plain',
        modifiedAt: 1_777_000_000_000,
      },
      version: file.version_id,
      at: 1_777_000_000_000,
      origin: file.version_id.slice(4),
    },
  })
  expect(pages.flatMap(({ complete = [] }) => complete)).toEqual([
    { source: 'tree', within: d.share },
    { source: 'shares' },
  ])
  expect(await one.look()).toEqual([])
  expect(Object.values(one.live('shares')).map(({ value }) => value)).toEqual([
    { name: 'Team', type: 'team', role: 'owner', owner: d.owner.user_id },
  ])
})

test('only the walk asks for changes without a cursor, and before it lists anything', async () => {
  const d = drive()
  d.admin.createFile(d.share, '/a.txt', 'hello')
  const one = await d.device()
  d.admin.edit(d.share, '/a.txt', 'again')
  await one.pull()
  const asked = one.requests.map(({ url }) => new URL(url)).filter(url => url.pathname !== '/api/v1/sync/devices')
  expect(asked[0]?.pathname).toBe('/api/v1/sync/changes')
  expect(asked.filter(url => url.pathname.endsWith('/changes') && !url.searchParams.has('cursor'))).toHaveLength(1)
})

test('an entry changed while it was listed comes once, as it is in the end, and nothing steps back', async () => {
  const d = drive()
  d.admin.createFolder(d.share, '/docs')
  d.admin.createFile(d.share, '/docs/a.txt', '1')
  const one = d.stranger()
  await one.transport.join!(one.io())
  const seen: unknown[] = []
  let edits = 0
  for await (const page of one.transport.pull!.pages(undefined, one.io())) {
    for (const { id, value } of page.records) if (id.startsWith('fil_')) seen.push(value?.sha256)
    one.commitRows(page.private ?? {})
    if (edits++ < 2) for (const text of ['2', '3']) d.admin.edit(d.share, '/docs/a.txt', `${text}${edits}`)
  }
  expect(seen).toEqual([sha256('32'), sha256('32')])
})

test('a walk goes on where it was', async () => {
  const d = drive()
  for (let n = 0; n < 30; n++) {
    d.admin.createFolder(d.share, `/f${n}`)
    d.admin.createFile(d.share, `/f${n}/a.txt`, `text ${n}`)
  }
  const one = d.stranger()
  await one.transport.join!(one.io())
  for (let tries = 0; ; tries++) {
    const limit = one.requests.length + 9
    const stop = new AbortController()
    const watch = setInterval(() => one.requests.length > limit && stop.abort(), 0)
    const done = await one.pull({ signal: stop.signal }).then(
      () => true,
      error => expect(error).toMatchObject({ code: 'aborted' }),
    )
    clearInterval(watch)
    if (done === true) break
    expect(tries).toBeLessThan(20)
  }
  expect(pathsOf(one, d.share)).toEqual(truth(d))
})

test.each(Object.entries(servers))('whatever happens there ends here the same, on a server %s', async (_, knobs) => {
  const op = fc.record({
    what: fc.constantFrom('file', 'folder', 'edit', 'move', 'remove', 'pull', 'pull'),
    at: fc.nat(20),
    to: fc.nat(20),
    name: fc.constantFrom('a', 'b', 'c', 'd'),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 30 }), fc.boolean(), async (ops, early) => {
      const d = drive(knobs)
      const one = early ? await d.device() : d.stranger()
      if (!early) await one.transport.join!(one.io())
      for (const { what, at, to, name } of ops) {
        const nodes = d.server.inspect().tree[d.share] ?? []
        const folders = ['', ...nodes.filter(it => it.kind === 'folder').map(it => it.path)]
        const target = `${folders[to % folders.length]}/${name}`
        const node = nodes[at % Math.max(1, nodes.length)]
        try {
          if (what === 'file') d.admin.createFile(d.share, target, `${at}${to}`)
          if (what === 'folder') d.admin.createFolder(d.share, target)
          if (what === 'pull') await one.pull()
          if (node && what === 'edit' && node.kind === 'file') d.admin.edit(d.share, node.path, `${at}-${to}`)
          if (node && what === 'move') d.admin.move(d.share, node.path, target)
          if (node && what === 'remove') d.admin.remove(d.share, node.path)
        } catch (error) {
          if (!/taken|inside itself|No folder|deleted/.test(String(error))) throw error
        }
      }
      await one.pull()
      expect(pathsOf(one, d.share)).toEqual(truth(d))
      const fresh = await d.device('device-2')
      expect(pathsOf(fresh, d.share)).toEqual(truth(d))
    }),
    { numRuns: 60 },
  )
})

test('a share that appears is listed, one that is lost keeps its entries and says so', async () => {
  const d = drive()
  const guest = d.admin.addUser('Bob')
  const other = d.admin.addShare('Other', d.owner.user_id)
  d.admin.createFile(other, '/x.txt', 'x')
  d.admin.grant(d.share, guest.user_id, 'reader')
  const one = await d.device('device-9', { shares: 'all', token: () => guest.token })
  expect(Object.keys(one.live('shares'))).toEqual([d.share])

  d.admin.grant(other, guest.user_id, 'reader')
  d.admin.createFile(other, '/y.txt', 'y')
  const pages = await one.pull()
  expect(
    Object.values(one.live('tree'))
      .map(({ value }) => value?.name)
      .sort(),
  ).toEqual(['x.txt', 'y.txt'])
  expect(pages.at(-1)?.complete).toEqual([{ source: 'tree', within: other }])

  d.admin.revoke(other, guest.user_id)
  await one.pull()
  expect(one.live('shares')[other]?.value).toMatchObject({ name: 'Other', lost: true })
  expect(Object.values(one.live('tree'))).toHaveLength(2)
  expect(one.notices.map(({ code }) => code)).toEqual(['unreadable'])

  d.admin.edit(other, '/x.txt', 'changed')
  d.admin.grant(other, guest.user_id, 'reader')
  await one.pull()
  expect(Object.values(one.live('tree')).map(({ value }) => value?.sha256)).toContain(sha256('changed'))
})

test('a forgotten cursor, one of another scope and a server set back all start over', async () => {
  const d = drive()
  const one = await d.device()
  const backup = d.admin.backup()
  d.admin.createFile(d.share, '/a.txt', 'a')
  await one.pull()
  d.admin.restoreBackup(backup)
  await expect(one.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
  const two = await d.device('device-2')
  d.admin.createFile(d.share, '/b.txt', 'b')
  d.admin.compact()
  await expect(two.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
  const other = d.stranger('device-2', { folders: { notes: '/notes' } })
  other.cursor = two.cursor
  await expect(other.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
})

test('the server is told a position only after it was reached, and never during a walk', async () => {
  const d = drive()
  d.admin.createFile(d.share, '/a.txt', 'a')
  const one = await d.device()
  const cursor = () => d.server.inspect().cursorOf(d.owner.user_id, 'device-1', d.share)?.position
  expect(cursor()).toBe(d.server.inspect().tenants[0]?.head)
  await one.transport.pull!.landed!({ v: 1, tag: (one.cursor as { tag: string }).tag, phase: 'walk', at: 0 }, one.io())
  d.server.weather.next({ path: /cursor$/, before: 503 })
  d.admin.createFile(d.share, '/b.txt', 'b')
  await one.pull()
  d.admin.removeDevice(d.owner.user_id, 'device-1')
  d.admin.createFile(d.share, '/c.txt', 'b')
  await expect(one.pull()).rejects.toMatchObject({ code: 'device-gone' })
})
