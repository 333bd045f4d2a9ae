import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Preference } from '../../../src/transports/files/account.ts'
import type { FilesTransport } from '../../../src/transports/files/index.ts'
import type { Client } from '../../conformance/transport-io.ts'
import { type Drive, drive, rewritten, sha256 } from './drive.ts'

/** What device-1 is to sync of the share. */
function choose(d: Drive, one: Client, said: Partial<Preference>): Promise<Preference> {
  return (one.transport as FilesTransport).api.setPreference({ share: d.share, ...said }, one.io())
}

/** Paths of what the client has, each with its hash. An entry whose folder is not there shows as an orphan. */
function shown(one: Client): Record<string, string> {
  const tree = one.live('tree')
  const path = (id: string): string => {
    const row = tree[id]?.value
    if (row === undefined || row === null) return '(orphan)'
    return `${row.parent === row.share ? '' : path(String(row.parent))}/${row.name}`
  }
  return Object.fromEntries(
    Object.keys(tree)
      .map(id => [path(id), String(tree[id]?.value?.sha256 ?? '')])
      .sort(),
  )
}

/** The contract's own words (section 8), on the server's tree. */
function wanted(d: Drive, { selected, excluded }: Pick<Preference, 'selected' | 'excluded'>): Record<string, string> {
  const nodes = d.server.inspect().tree[d.share] ?? []
  const chain = (path: string) => nodes.filter(it => path === it.path || path.startsWith(`${it.path}/`))
  const named = (path: string, list: readonly string[]) => chain(path).some(it => list.includes(it.id))
  const open = nodes.filter(it => selected.includes(it.id) && !named(it.path, excluded))
  const seen = nodes.filter(({ path, kind }) => {
    if (kind === 'file' && path.lastIndexOf('/') === 0) return true
    if (named(path, excluded)) return false
    if (selected.length === 0 || named(path, selected)) return true
    return kind === 'folder' && open.some(it => it.path.startsWith(`${path}/`))
  })
  return Object.fromEntries(seen.map(({ path, sha256 }) => [path, sha256 ?? '']))
}

const idAt = (d: Drive, path: string): string =>
  d.server.inspect().tree[d.share]?.find(it => it.path === path)?.id ?? `fld_nothing_at${path}`

/** /a { b { x }, y }, c { d { z } }, top */
function planted(knobs: Parameters<typeof drive>[0] = {}): Drive {
  const d = drive(knobs)
  for (const path of ['/a', '/a/b', '/c', '/c/d']) d.admin.createFolder(d.share, path)
  for (const path of ['/a/b/x', '/a/y', '/c/d/z', '/top']) d.admin.createFile(d.share, path, path)
  return d
}

const paths = (one: Client): string[] => Object.keys(shown(one))

const servers = {
  'as the sandbox is': {},
  'with the listing and rows of the vendor': { listing: 'lean', metadata: 'lean', errors: 'bare', refusals: 'batch' },
  'without metadata, with cursors beyond 2^53': { listing: 'lean', metadata: 'absent', cursors: 'huge' },
} as const

describe.each(Object.entries(servers))('on a server %s', (_, knobs) => {
  test('a first pull brings the selected folders, those over them and the files at the root', async () => {
    const d = planted(knobs)
    const one = d.stranger()
    await one.transport.join!(one.io())
    await choose(d, one, { selected: [idAt(d, '/a/b')] })
    await one.pull()
    expect(paths(one)).toEqual(['/a', '/a/b', '/a/b/x', '/top'])
    expect(shown(one)).toEqual(wanted(d, { selected: [idAt(d, '/a/b')], excluded: [] }))
  })

  test('what is excluded stays away, inside a selected folder too', async () => {
    const d = planted(knobs)
    const one = d.stranger()
    await one.transport.join!(one.io())
    await choose(d, one, { selected: [idAt(d, '/a')], excluded: [idAt(d, '/a/b')] })
    await one.pull()
    expect(paths(one)).toEqual(['/a', '/a/y', '/top'])
  })

  test('unselecting hides without a delete, selecting again lists', async () => {
    const d = planted(knobs)
    const one = await d.device()
    await choose(d, one, { excluded: [idAt(d, '/a')] })
    const pages = await one.pull()
    expect(pages.flatMap(({ records }) => records).filter(({ value }) => value === null)).toEqual([])
    expect(paths(one)).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
    d.admin.edit(d.share, '/a/y', 'news')
    d.admin.createFile(d.share, '/a/b/new', 'new')
    await one.pull()
    expect(paths(one)).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
    expect(d.paths()).toHaveLength(9)

    await choose(d, one, { excluded: [] })
    one.requests.length = 0
    await one.pull()
    expect(shown(one)).toEqual(wanted(d, { selected: [], excluded: [] }))
    expect(shown(one)['/a/y']).toBe(sha256('news'))
    const lists = one.requests.filter(({ url }) => url.includes('/children')).map(({ url }) => new URL(url).pathname)
    expect(new Set(lists.filter(path => path.includes('root') || path.includes(idAt(d, '/c'))))).toEqual(new Set())
  })

  test('a folder that moves over the border is listed on its way in, and hidden on its way out', async () => {
    const d = planted(knobs)
    const one = await d.device()
    await choose(d, one, { selected: [idAt(d, '/a')] })
    await one.pull()
    expect(paths(one)).toEqual(['/a', '/a/b', '/a/b/x', '/a/y', '/top'])
    d.admin.move(d.share, '/c/d', '/a/d')
    await one.pull()
    expect(paths(one)).toEqual(['/a', '/a/b', '/a/b/x', '/a/d', '/a/d/z', '/a/y', '/top'])
    d.admin.move(d.share, '/a/b', '/c/b')
    const pages = await one.pull()
    expect(paths(one)).toEqual(['/a', '/a/d', '/a/d/z', '/a/y', '/top'])
    expect(pages.flatMap(({ records }) => records).filter(({ value }) => value === null)).toEqual([])
  })

  test('a selected folder takes the way to it along when it moves', async () => {
    const d = planted(knobs)
    const one = await d.device()
    const selected = [idAt(d, '/a/b')]
    await choose(d, one, { selected })
    await one.pull()
    d.admin.move(d.share, '/a/b', '/c/d/b')
    await one.pull()
    await one.pull()
    expect(paths(one)).toEqual(['/c', '/c/d', '/c/d/b', '/c/d/b/x', '/top'])
  })

  test('what is made and deleted in a folder of which nothing was heard while the share was off is not here', async () => {
    const d = planted(knobs)
    const one = await d.device()
    d.admin.createFolder(d.share, '/a/new')
    await choose(d, one, { enabled: false })
    await one.pull()
    d.admin.createFile(d.share, '/a/new/file', 'new')
    d.admin.remove(d.share, '/a')
    await choose(d, one, { enabled: true })
    await one.pull()
    expect(paths(one)).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
  })

  test('what moved out of sight while the place in the log was lost is hidden, not deleted, and comes back', async () => {
    const d = planted(knobs)
    const one = await d.device()
    await choose(d, one, { excluded: [idAt(d, '/c')] })
    one.cursor = undefined
    d.admin.move(d.share, '/a', '/c/a')
    const pages = await one.pull()
    expect(paths(one)).toEqual(['/top'])
    expect(pages.flatMap(({ records }) => records).filter(({ value }) => value === null)).toEqual([])
    await choose(d, one, { excluded: [], selected: [idAt(d, '/c/a')] })
    await one.pull()
    expect(paths(one)).toEqual(['/c', '/c/a', '/c/a/b', '/c/a/b/x', '/c/a/y', '/top'])
  })

  test('whatever happens there and is chosen, all that is chosen is here and nothing else', async () => {
    const op = fc.record({
      what: fc.constantFrom(
        ...[
          'file',
          'folder',
          'edit',
          'move',
          'move',
          'remove',
          'pull',
          'one page',
          'choose',
          'choose',
          'switch',
          'over',
        ],
      ),
      at: fc.nat(20),
      to: fc.nat(20),
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      choice: fc.record({
        selected: fc.array(fc.nat(12), { maxLength: 2 }),
        excluded: fc.array(fc.nat(12), { maxLength: 2 }),
      }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 40 }), async ops => {
        const d = planted(knobs)
        const one = await d.device()
        const folders: string[] = []
        let chosen: Omit<Preference, 'share'> = { enabled: true, selected: [], excluded: [] }
        for (const { what, at, to, name, choice } of ops) {
          const nodes = d.server.inspect().tree[d.share] ?? []
          for (const { id, kind } of nodes) if (kind === 'folder' && !folders.includes(id)) folders.push(id)
          const places = ['', ...nodes.filter(it => it.kind === 'folder').map(it => it.path)]
          const target = `${places[to % places.length]}/${name}`
          const node = nodes[at % Math.max(1, nodes.length)]
          try {
            if (what === 'file') d.admin.createFile(d.share, target, `${at}${to}`)
            if (what === 'folder') d.admin.createFolder(d.share, target)
            if (what === 'pull') await one.pull()
            if (what === 'one page') await one.pull({ pages: 1 })
            if (what === 'over') one.cursor = undefined
            if (node && what === 'edit' && node.kind === 'file') d.admin.edit(d.share, node.path, `${at}-${to}`)
            if (node && what === 'move') d.admin.move(d.share, node.path, target)
            if (node && what === 'remove' && at % 3 === 0) d.admin.remove(d.share, node.path)
          } catch (error) {
            if (!/taken|inside itself|No folder|deleted/.test(String(error))) throw error
          }
          if (what === 'choose') {
            const ids = (list: readonly number[]) => [...new Set(list.map(n => folders[n % folders.length]!))]
            chosen = { ...chosen, selected: ids(choice.selected), excluded: ids(choice.excluded) }
            await choose(d, one, chosen)
          }
          if (what === 'switch') {
            chosen = { ...chosen, enabled: !chosen.enabled }
            await choose(d, one, chosen)
          }
        }
        await choose(d, one, { ...chosen, enabled: true })
        await one.pull()
        await one.pull()
        expect(shown(one)).toEqual(wanted(d, chosen))
      }),
      { numRuns: Number(process.env.RUNS ?? 120) },
    )
  }, 300_000)
})

describe('what a walk of a part did not bring', () => {
  test('is asked for within a limit, and a walk ends all the same (I12)', async () => {
    const d = drive()
    for (const path of ['/x', '/a']) d.admin.createFolder(d.share, path)
    for (let n = 0; n < 300; n++) d.admin.createFile(d.share, `/a/${n}`, `${n}`)
    const one = await d.device()
    await choose(d, one, { excluded: [idAt(d, '/x')] })
    await one.pull()
    d.admin.remove(d.share, '/a')
    one.cursor = undefined
    d.server.set({ rateLimit: 120 })
    let tries = 0
    for (let error: unknown = 'more'; error !== undefined; tries++) {
      error = undefined
      await one.pull().catch(thrown => {
        error = thrown
      })
      d.pass(61_000)
    }
    expect(tries).toBeLessThan(8)
    expect(paths(one)).toEqual([])
  })

  test.each(['with paths', 'without'])('stays where the listing is not whole: %s', async how => {
    const state = { cap: Number.POSITIVE_INFINITY }
    const d = drive()
    d.admin.createFolder(d.share, '/x')
    for (const name of ['a', 'b', 'c']) {
      for (const path of [`/${name}`, `/${name}/in`]) d.admin.createFolder(d.share, path)
      d.admin.createFile(d.share, `/${name}/in/f`, name)
    }
    const one = await d.device('device-1', {}, async (url, answer, request) => {
      if (request.method === 'GET' && /\/folders\/[^/]+$/.test(url.pathname)) return new Response('{}', { status: 404 })
      if (!url.pathname.endsWith('/children') || answer.status !== 200) return answer
      return rewritten(answer, ({ path, ...body }) => ({
        ...body,
        ...(how === 'with paths' && { path }),
        items: (body.items as unknown[]).slice(0, state.cap),
      }))
    })
    await choose(d, one, { excluded: [idAt(d, '/x')] })
    await one.pull()
    const before = paths(one)
    expect(before).toHaveLength(9)
    state.cap = 2
    one.cursor = undefined
    await one.pull()
    expect(paths(one)).toEqual(before)
  })

  test('stays as it is known where the server has it and cannot say where', async () => {
    const d = drive()
    for (const path of ['/x', '/a']) d.admin.createFolder(d.share, path)
    for (const name of ['f', 'g']) d.admin.createFile(d.share, `/a/${name}`, name)
    const one = await d.device('device-1', {}, async (url, answer) =>
      /\/files\/[^/]+$/.test(url.pathname) && answer.status === 200
        ? rewritten(answer, ({ folder_id: _, checksum_sha256: _1, size: _2, ...body }) => body)
        : answer,
    )
    await choose(d, one, { excluded: [idAt(d, '/x')] })
    await one.pull()
    d.admin.move(d.share, '/a/f', '/x/f')
    d.admin.remove(d.share, '/a/g')
    one.cursor = undefined
    await one.pull()
    expect(paths(one)).toEqual(['/a', '/a/f'])
  })
})
