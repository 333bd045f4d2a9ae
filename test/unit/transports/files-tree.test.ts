import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RemoteRecord } from '../../../src/model.ts'
import type { Client } from '../../conformance/transport-io.ts'
import { type Drive, drive, rewritten, sha256 } from './drive.ts'

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

/** A file and a folder move into a folder, which moves itself, and is deleted with all that was made there meanwhile. */
function takeAlong(d: Drive): void {
  d.admin.move(d.share, '/d', '/a/d')
  d.admin.move(d.share, '/e', '/a/e')
  d.admin.move(d.share, '/a', '/b/a')
  d.admin.createFile(d.share, '/b/new', 'new')
  d.admin.createFile(d.share, '/x', 'x')
  d.admin.remove(d.share, '/b')
  d.admin.createFile(d.share, '/y', 'y')
}

function withFolders(d: Drive): void {
  for (const path of ['/a', '/b', '/e']) d.admin.createFolder(d.share, path)
  for (const path of ['/d', '/e/f']) d.admin.createFile(d.share, path, path)
}

test.each(Object.entries(servers))('what moved into a folder goes with it, on a server %s (I3)', async (_, knobs) => {
  const d = drive(knobs)
  withFolders(d)
  const one = await d.device()
  takeAlong(d)
  await one.pull()
  expect(pathsOf(one, d.share)).toEqual(truth(d))
  expect(Object.keys(truth(d))).toEqual(['/x', '/y'])
})

test('... and in a log that comes row by row, which is read no further than to the end of that folder', async () => {
  const d = drive({ metadata: 'absent' })
  withFolders(d)
  const one = await d.device('device-1', {}, ({ pathname }, answer) => {
    if (!pathname.endsWith('/changes')) return answer
    return rewritten(answer, ({ changes, ...body }) => {
      const [row, ...more] = changes as { id: string }[]
      return row === undefined || more.length === 0
        ? { ...body, changes }
        : { ...body, changes: [row], cursor: Number(row.id.slice(4)), has_more: true }
    })
  })
  takeAlong(d)
  const pages = await one.pull()
  expect(pathsOf(one, d.share)).toEqual(truth(d))
  expect(pages.at(-1)?.records.map(({ value }) => value?.name)).toEqual(['y'])
})

test('an entry that cannot be seen, and whose end no row tells, stays as it is', async () => {
  const d = drive({ metadata: 'lean' })
  const { resource_id } = d.admin.createFile(d.share, '/d', 'd')
  const one = await d.device('device-1', {}, ({ pathname }, answer) =>
    pathname.endsWith(`/files/${resource_id}`) ? Response.json({}, { status: 404 }) : answer,
  )
  d.admin.edit(d.share, '/d', 'again')
  await one.pull()
  expect(Object.keys(pathsOf(one, d.share))).toEqual(['/d'])
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
  const other = d.stranger('device-2', { folders: { notes: '/notes' } })
  other.cursor = two.cursor
  await expect(other.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
  d.admin.createFile(d.share, '/b.txt', 'b')
  await two.pull()
  d.admin.createFile(d.share, '/c.txt', 'c')
  d.admin.compact()
  await expect(two.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
})

test('the server is told a position only after it was reached, and never during a walk', async () => {
  const d = drive()
  d.admin.createFile(d.share, '/a.txt', 'a')
  const one = await d.device()
  const cursor = () => d.server.inspect().cursorOf(d.owner.user_id, 'device-1', d.share)?.position
  expect(cursor()).toBe(d.server.inspect().tenants[0]?.head)
  const told = one.requests.length
  await one.transport.pull!.landed!({ ...(one.cursor as object), phase: 'walk' }, one.io())
  await one.transport.pull!.landed!({ ...(one.cursor as object), phase: 'walk', at: 0 }, one.io())
  expect(one.requests.length).toBe(told)
  d.server.weather.next({ path: /cursor$/, before: 503 })
  d.admin.createFile(d.share, '/b.txt', 'b')
  await one.pull()
  d.admin.removeDevice(d.owner.user_id, 'device-1')
  d.admin.createFile(d.share, '/c.txt', 'b')
  await expect(one.pull()).rejects.toMatchObject({ code: 'device-gone' })
})

test('folders come before what is in them, and deleted ones behind what left them, in a page of their own', async () => {
  const d = drive()
  d.admin.createFolder(d.share, '/old')
  d.admin.createFile(d.share, '/old/keep.txt', 'keep')
  const one = await d.device()
  d.admin.createFile(d.share, '/early.txt', 'e')
  d.admin.createFolder(d.share, '/new')
  d.admin.move(d.share, '/early.txt', '/new/early.txt')
  d.admin.move(d.share, '/new', '/newer')
  d.admin.move(d.share, '/old/keep.txt', '/newer/keep.txt')
  d.admin.remove(d.share, '/old')
  const pages = await one.look()
  expect(pages.map(({ records }) => records.map(({ value, subtree }) => subtree ?? value?.name))).toEqual([
    ['newer', 'early.txt', 'keep.txt'],
    [true],
  ])
  expect(pages[0]?.cursor).toEqual(one.cursor)
})

test('a server without a call for folders is walked all the same', async () => {
  const d = drive({ listing: 'lean', metadata: 'lean' })
  d.admin.createFolder(d.share, '/docs')
  d.admin.createFile(d.share, '/docs/a.txt', 'a')
  const one = await d.device('device-1', {}, ({ pathname }, answer) =>
    /\/folders\/[^/]+$/.test(pathname) ? Response.json({ detail: 'Not Found' }, { status: 404 }) : answer,
  )
  d.admin.createFolder(d.share, '/docs/inner')
  d.admin.move(d.share, '/docs/a.txt', '/docs/inner/b.txt')
  await one.pull()
  expect(pathsOf(one, d.share)).toEqual(truth(d))
})

test('a share that appears during a walk is walked too, before anything counts as whole', async () => {
  const d = drive()
  const guest = d.admin.addUser('Bob')
  const other = d.admin.addShare('Other', d.owner.user_id)
  d.admin.createFile(other, '/x.txt', 'x')
  d.admin.createFile(d.share, '/y.txt', 'y')
  d.admin.grant(d.share, guest.user_id, 'reader')
  const one = d.stranger('device-9', { shares: 'all', token: () => guest.token })
  await one.transport.join!(one.io())
  await one.pull({ pages: 1 })
  d.admin.grant(other, guest.user_id, 'reader')
  const pages = await one.pull()
  expect(pages.map(({ complete = [] }) => complete.map(({ within, source }) => within ?? source))).toEqual(
    pages.map((_, at) => (at === pages.length - 1 ? [d.share, other, 'shares'] : [])),
  )
  expect(
    Object.values(one.live('tree'))
      .map(({ value }) => value?.name)
      .sort(),
  ).toEqual(['x.txt', 'y.txt'])
})

test.each([
  ['says that there is more', (body: Record<string, unknown>) => ({ ...body, total: 99 })],
  [
    'lists what nobody knows',
    (body: Record<string, unknown>) => ({ ...body, items: [...(body.items as []), { id: 'x', type: 'link' }] }),
  ],
])('a listing that %s is not whole, and nothing is swept', async (_, change) => {
  const d = drive()
  d.admin.createFile(d.share, '/a.txt', 'a')
  const one = d.stranger('device-1', {}, ({ pathname }, answer) =>
    pathname.endsWith('/children') ? rewritten(answer, change) : answer,
  )
  await one.transport.join!(one.io())
  const pages = await one.pull()
  expect(Object.values(one.live('tree')).map(({ value }) => value?.name)).toEqual(['a.txt'])
  expect(pages.flatMap(({ complete = [] }) => complete)).toEqual([{ source: 'shares' }])
  expect(one.notices.map(({ code }) => code)).toEqual(['protocol'])
})

test('a log that promises more and sends nothing is given up, with its progress kept', async () => {
  const d = drive()
  let requests = 0
  let at = 100
  const one = await d.device('device-1', {}, ({ pathname, searchParams }, answer) => {
    if (!pathname.endsWith('/changes') || searchParams.get('cursor') === null || requests < 0) return answer
    requests++
    return Response.json({ changes: [], cursor: ++at, has_more: at < 110 || at > 120, share_id: null })
  })
  expect(requests).toBe(10)
  at = 200
  await expect(one.pull()).rejects.toMatchObject({ code: 'protocol' })
  expect(requests).toBe(20)
  expect(one.cursor).toMatchObject({ at: 210 })
})

test('a log that stays where it is while promising more is applied once', async () => {
  const d = drive()
  let stuck = false
  const one = await d.device('device-1', {}, ({ pathname, searchParams }, answer) =>
    stuck && pathname.endsWith('/changes')
      ? rewritten(answer, body => ({ ...body, cursor: Number(searchParams.get('cursor')), has_more: true }))
      : answer,
  )
  d.admin.createFile(d.share, '/a.txt', 'a')
  stuck = true
  const pages = await one.pull()
  expect(pages.map(({ records }) => records.length)).toEqual([1])
  expect(one.notices.map(({ code }) => code)).toEqual(['protocol'])
})

test('rows of a kind that nobody knows are counted and passed over', async () => {
  const d = drive()
  const one = await d.device('device-1', {}, ({ pathname, searchParams }, answer) =>
    pathname.endsWith('/changes') && searchParams.has('cursor')
      ? rewritten(answer, body => {
          const [row] = body.changes as object[]
          const odd = [
            { resource_type: 'link' },
            { change_type: 'shredded' },
            { resource_id: '..' },
            { resource_id: null },
          ]
          return row === undefined ? body : { ...body, changes: [...odd.map(it => ({ ...row, ...it })), row, 7, null] }
        })
      : answer,
  )
  d.admin.createFile(d.share, '/a.txt', 'a')
  await one.pull()
  expect(Object.values(one.live('tree')).map(({ value }) => value?.name)).toEqual(['a.txt'])
  expect(one.notices.map(({ code, message }) => [code, message.slice(0, 1)])).toEqual([['unsupported', '6']])
})
