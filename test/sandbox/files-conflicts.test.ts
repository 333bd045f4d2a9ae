import { expect, test } from 'vitest'
import { client, hash, type Json, key, register, type Scene, START, SYNC, scene } from './kit.ts'

const LATER = '2026-05-02T08:00:00.000Z'
const EARLIER = '2026-05-01T08:00:00.000Z'

/** What is left: paths with their content, the answer, and the records. */
async function outcome(it: Scene, { status, body }: { readonly status: number; readonly body: Json }) {
  const { tree, bytes } = it.sandbox.inspect()
  const text = (sha256: string | null) => (sha256 === null ? null : new TextDecoder().decode(bytes(sha256)))
  return {
    status,
    outcomes: body.applied?.map((item: Json) => item.outcome),
    tree: Object.fromEntries(tree[it.share]!.map(node => [node.path, text(node.sha256)])),
    records: body.conflicts?.map((record: Json) => record.resolution),
  }
}

const COPY = 'a (conflicted copy Laptop 2026-05-01 080000).txt'
const at = (modified_at: string, text: string) => ({ metadata: { checksum_sha256: hash(text), modified_at } })

test.each([
  ['LAST_WRITER_WINS', LATER, 'applied', { '/a.txt': 'mine' }, 'LAST_WRITER_WINS'],
  ['LAST_WRITER_WINS', EARLIER, 'superseded', { '/a.txt': 'theirs' }, 'LAST_WRITER_WINS'],
  ['KEEP_BOTH', EARLIER, 'conflicted_copy', { '/a.txt': 'theirs', [`/${COPY}`]: 'mine' }, 'KEEP_BOTH'],
  ['SERVER_WINS', LATER, 'superseded', { '/a.txt': 'theirs' }, 'SERVER_WINS'],
  ['CLIENT_WINS', EARLIER, 'applied', { '/a.txt': 'mine' }, 'CLIENT_WINS'],
  ['MANUAL', LATER, undefined, { '/a.txt': 'theirs' }, null],
])('update/update under %s (client %s): %s', async (strategy, time, verdict, tree, resolution) => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base', { modified_at: START - 2e9 })
  it.admin.edit(it.share, '/a.txt', 'theirs', { modified_at: START - 1000 })
  const answer = await it.push(it.updated(file, 'mine', at(time, 'mine')), 'mine', strategy)
  const outcomes = verdict === undefined ? [] : [verdict]
  expect(await outcome(it, answer)).toEqual({ status: 200, outcomes, tree, records: [resolution] })
})

test.each([
  ['LAST_WRITER_WINS', LATER, 'applied', { '/a.txt': 'mine' }],
  ['LAST_WRITER_WINS', EARLIER, 'superseded', {}],
  ['KEEP_BOTH', EARLIER, 'applied', { '/a.txt': 'mine' }],
  ['SERVER_WINS', LATER, 'superseded', {}],
  ['CLIENT_WINS', EARLIER, 'applied', { '/a.txt': 'mine' }],
  ['MANUAL', LATER, undefined, {}],
])('update/delete under %s (client %s): %s', async (strategy, time, verdict, tree) => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  it.world.set(START - 1000)
  const tombstone = it.admin.remove(it.share, '/a.txt')
  it.world.set(START + 5000)
  const answer = await it.push(it.updated(file, 'mine', at(time, 'mine')), 'mine', strategy)
  const outcomes = verdict === undefined ? [] : [verdict]
  expect(await outcome(it, answer)).toMatchObject({ status: 200, outcomes, tree })
  expect(answer.body.conflicts[0].server_version_id).toBe(tombstone.version_id)
})

test('a resurrected file brings back the folders it needs, and nothing else that was in them', async () => {
  const it = await scene()
  it.admin.createFolder(it.share, '/dir')
  const file = it.admin.createFile(it.share, '/dir/a', 'base')
  it.admin.createFile(it.share, '/dir/b', 'other')
  it.admin.remove(it.share, '/dir')
  const answer = await it.push(it.updated(file, 'mine'), 'mine', 'CLIENT_WINS')
  expect((await outcome(it, answer)).tree).toEqual({ '/dir': null, '/dir/a': 'mine' })
  expect(answer.body.applied[0].resource_id).toBe(file.resource_id)
})

test('a file resurrected onto a taken name gets the conflicted one', async () => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  it.admin.remove(it.share, '/a.txt')
  it.admin.createFile(it.share, '/a.txt', 'new')
  const answer = await it.push(it.updated(file, 'mine', at(EARLIER, 'mine')), 'mine', 'KEEP_BOTH')
  expect((await outcome(it, answer)).tree).toEqual({ '/a.txt': 'new', [`/${COPY}`]: 'mine' })
})

test.each([
  ['LAST_WRITER_WINS', LATER, 'applied', {}],
  ['LAST_WRITER_WINS', EARLIER, 'superseded', { '/a.txt': 'theirs' }],
  ['KEEP_BOTH', LATER, 'superseded', { '/a.txt': 'theirs' }],
  ['SERVER_WINS', LATER, 'superseded', { '/a.txt': 'theirs' }],
  ['CLIENT_WINS', EARLIER, 'applied', {}],
  ['MANUAL', LATER, undefined, { '/a.txt': 'theirs' }],
])('delete/update under %s (client %s): %s', async (strategy, time, verdict, tree) => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  it.admin.edit(it.share, '/a.txt', 'theirs', { modified_at: START - 1000 })
  const answer = await it.apply([it.deleted(file, { metadata: { modified_at: time } })], strategy)
  const outcomes = verdict === undefined ? [] : [verdict]
  expect(await outcome(it, answer)).toMatchObject({ status: 200, outcomes, tree })
})

test.each([
  ['LAST_WRITER_WINS', LATER, 'remapped', { '/a.txt': 'mine' }],
  ['LAST_WRITER_WINS', EARLIER, 'superseded', { '/a.txt': 'theirs' }],
  ['KEEP_BOTH', EARLIER, 'conflicted_copy', { '/a.txt': 'theirs', [`/${COPY}`]: 'mine' }],
  ['SERVER_WINS', LATER, 'superseded', { '/a.txt': 'theirs' }],
  ['CLIENT_WINS', EARLIER, 'remapped', { '/a.txt': 'mine' }],
  ['MANUAL', LATER, undefined, { '/a.txt': 'theirs' }],
])('create/create under %s (client %s): %s', async (strategy, time, verdict, tree) => {
  const it = await scene()
  const theirs = it.admin.createFile(it.share, '/a.txt', 'theirs', { modified_at: START - 1000 })
  const item = it.created('/a.txt', 'mine', { resource_id: key('fil'), ...at(time, 'mine') })
  const answer = await it.push(item, 'mine', strategy)
  const outcomes = verdict === undefined ? [] : [verdict]
  expect(await outcome(it, answer)).toMatchObject({ status: 200, outcomes, tree })
  const id = strategy === 'KEEP_BOTH' ? item.resource_id : theirs.resource_id
  if (verdict !== undefined) expect(answer.body.applied[0].resource_id).toBe(id)
})

test.each(['LAST_WRITER_WINS', 'KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'MANUAL'])(
  'under %s equal results and untouched facets are no conflict',
  async strategy => {
    const it = await scene()
    const renamed = it.admin.createFile(it.share, '/old', 'base')
    it.admin.move(it.share, '/old', '/new')
    const edited = it.admin.createFile(it.share, '/x', 'base')
    it.admin.edit(it.share, '/x', 'theirs')
    const gone = it.admin.createFile(it.share, '/gone', 'x')
    it.admin.remove(it.share, '/gone')
    it.admin.createFile(it.share, '/same', 'same')

    const update = it.updated(renamed, 'mine')
    await it.upload(update.version_id, 'mine')
    const answer = await it.apply(
      [update, it.moved(edited, '/y'), it.deleted(gone), it.created('/same', 'same', { resource_id: key('fil') })],
      strategy,
    )
    expect(await outcome(it, answer)).toEqual({
      status: 200,
      outcomes: ['merged', 'merged', 'noop', 'remapped'],
      tree: { '/new': 'mine', '/same': 'same', '/y': 'theirs' },
      records: [],
    })
  },
)

test('a base that the server does not know counts as everything changed', async () => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'theirs')
  const item = it.updated({ ...file, version_id: 'ver_pruned' }, 'mine')
  expect(await outcome(it, await it.push(item, 'mine', 'SERVER_WINS'))).toMatchObject({ outcomes: ['superseded'] })
})

test('a client clock in the future counts as now; a tie is the server’s', async () => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  it.admin.edit(it.share, '/a.txt', 'theirs', { modified_at: START })
  const item = it.updated(file, 'mine', at('2999-01-01T00:00:00Z', 'mine'))
  expect(await outcome(it, await it.push(item, 'mine', 'LAST_WRITER_WINS'))).toMatchObject({ outcomes: ['superseded'] })
})

test('the losing content of LAST_WRITER_WINS stays as an old version', async () => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  it.admin.edit(it.share, '/a.txt', 'theirs', { modified_at: START - 1 })
  const item = it.updated(file, 'mine', at(EARLIER, 'mine'))
  const { body } = await it.push(item, 'mine', 'LAST_WRITER_WINS')
  const get = (version: string) => it.api('GET', `${SYNC}/download/${file.resource_id}${version}`)
  expect((await get('')).body).toBe('theirs')
  expect((await get(`?version=${item.version_id}`)).body).toBe('mine')
  expect(body.applied[0].change_id).toBeNull()
})

test('a retried conflict gives the stored answer: no second copy, no second record', async () => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  it.admin.edit(it.share, '/a.txt', 'theirs')
  const item = it.updated(file, 'mine')
  const first = await it.push(item, 'mine', 'KEEP_BOTH')
  it.world.set(it.world.now() + 60_000)
  expect((await it.apply([item], 'KEEP_BOTH')).body).toEqual(first.body)
  expect(it.sandbox.inspect().tree[it.share]).toHaveLength(2)
  expect(it.sandbox.inspect().conflicts).toHaveLength(1)
})

test('a second copy in the same second gets a number, the eleventh becomes a question', async () => {
  const it = await scene()
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  it.admin.edit(it.share, '/a.txt', 'theirs')
  const answers: Json[] = []
  for (let n = 0; n < 11; n++) {
    answers.push(await it.push(it.updated(file, `mine ${n}`, at(EARLIER, `mine ${n}`)), `mine ${n}`, 'KEEP_BOTH'))
  }
  expect(answers[1].body.applied[0].new_path).toBe(`/${COPY.replace(').txt', ') 2.txt')}`)
  expect(answers[10].body.applied).toEqual([])
  expect(answers[10].body.conflicts[0].resolution).toBeNull()
})

const OLD = { metadata: { modified_at: EARLIER } }
const NEW = { metadata: { modified_at: LATER } }

/** Two folders and a file, made a second ago. */
async function furnished() {
  const it = await scene()
  it.world.set(START - 1000)
  const one = it.admin.createFolder(it.share, '/one')
  const two = it.admin.createFolder(it.share, '/two')
  const file = it.admin.createFile(it.share, '/one/a', 'a')
  return { it, one, two, file, done: () => it.world.set(START + 1000) }
}

const tree = async (it: Scene, answer: Parameters<typeof outcome>[1]) => {
  const { outcomes, tree, records } = await outcome(it, answer)
  return [outcomes[0] ?? 'open', Object.keys(tree).join(' '), records]
}

test.each([
  ['LAST_WRITER_WINS', NEW, 'applied', '/one /two /two/mine'],
  ['LAST_WRITER_WINS', OLD, 'superseded', '/one /one/theirs /two'],
  ['KEEP_BOTH', NEW, 'superseded', '/one /one/theirs /two'],
  ['SERVER_WINS', NEW, 'superseded', '/one /one/theirs /two'],
  ['CLIENT_WINS', OLD, 'applied', '/one /two /two/mine'],
  ['MANUAL', NEW, 'open', '/one /one/theirs /two'],
])('move/rename under %s (%o): %s', async (strategy, when, verdict, paths) => {
  const { it, file, done } = await furnished()
  it.admin.move(it.share, '/one/a', '/one/theirs')
  done()
  const answer = await it.apply([it.moved(file, '/two/mine', when)], strategy)
  expect(await tree(it, answer)).toEqual([verdict, paths, [strategy === 'MANUAL' ? null : strategy]])
})

test.each([
  ['LAST_WRITER_WINS', NEW, 'applied', '/one /two /two/mine'],
  ['LAST_WRITER_WINS', OLD, 'superseded', '/two'],
  ['KEEP_BOTH', NEW, 'superseded', '/two'],
  ['SERVER_WINS', NEW, 'superseded', '/two'],
  ['CLIENT_WINS', OLD, 'applied', '/two /two/mine'],
  ['MANUAL', NEW, 'open', '/two'],
])('move/delete under %s (%o): %s', async (strategy, when, verdict, paths) => {
  const { it, file, done } = await furnished()
  it.admin.remove(it.share, '/one')
  done()
  const answer = await it.apply([it.moved(file, '/two/mine', when)], strategy)
  expect(await tree(it, answer)).toEqual([
    verdict,
    paths.replace('/one ', ''),
    [strategy === 'MANUAL' ? null : strategy],
  ])
})

test.each([
  ['LAST_WRITER_WINS', NEW, 'applied', '/one /two'],
  ['LAST_WRITER_WINS', OLD, 'superseded', '/one /two /two/a'],
  ['KEEP_BOTH', NEW, 'superseded', '/one /two /two/a'],
  ['SERVER_WINS', NEW, 'superseded', '/one /two /two/a'],
  ['CLIENT_WINS', OLD, 'applied', '/one /two'],
  ['MANUAL', NEW, 'open', '/one /two /two/a'],
])('delete/move under %s (%o): %s', async (strategy, when, verdict, paths) => {
  const { it, file, done } = await furnished()
  it.admin.move(it.share, '/one/a', '/two/a')
  done()
  const answer = await it.apply([it.deleted(file, when)], strategy)
  expect(await tree(it, answer)).toEqual([verdict, paths, [strategy === 'MANUAL' ? null : strategy]])
})

const TWIN = '/two/b (conflicted copy Laptop 2026-05-01 080000)'

test.each([
  ['LAST_WRITER_WINS', 'applied', `/one /two /two/b ${TWIN}`],
  ['KEEP_BOTH', 'applied', `/one /two /two/b ${TWIN}`],
  ['SERVER_WINS', 'superseded', '/one /one/a /two /two/b'],
  ['CLIENT_WINS', 'applied', `/one /two /two/b ${TWIN}`],
  ['MANUAL', 'open', '/one /one/a /two /two/b'],
])('a move onto a name that another holds, under %s: %s', async (strategy, verdict, paths) => {
  const { it, file } = await furnished()
  it.admin.createFile(it.share, '/two/b', 'b')
  const answer = await it.apply([it.moved(file, '/two/b', OLD)], strategy)
  expect(await tree(it, answer)).toEqual([verdict, paths, [strategy === 'MANUAL' ? null : strategy]])
})

test.each([
  ['LAST_WRITER_WINS', 'superseded', 'SERVER_WINS'],
  ['KEEP_BOTH', 'superseded', 'SERVER_WINS'],
  ['SERVER_WINS', 'superseded', 'SERVER_WINS'],
  ['CLIENT_WINS', 'superseded', 'SERVER_WINS'],
  ['MANUAL', 'open', null],
])('two folders moved into each other, under %s: the server’s tree stays', async (strategy, verdict, resolution) => {
  const { it, one } = await furnished()
  it.admin.move(it.share, '/two', '/one/two')
  const answer = await it.apply([it.moved(one, '/one/two/one', { resource_type: 'folder' })], strategy)
  expect(await tree(it, answer)).toEqual([verdict, '/one /one/a /one/two', [resolution]])
})

test.each([
  ['LAST_WRITER_WINS', NEW, 'applied', '/two', 2],
  ['LAST_WRITER_WINS', OLD, 'superseded', '/one /one/a /two', 1],
  ['KEEP_BOTH', NEW, 'superseded', '/one /one/a /two', 1],
  ['SERVER_WINS', NEW, 'superseded', '/one /one/a /two', 1],
  ['CLIENT_WINS', OLD, 'applied', '/two', 2],
  ['MANUAL', NEW, 'open', '/one /one/a /two', 1],
])(
  'a folder deleted over a child that another changed, under %s (%o): %s',
  async (strategy, when, verdict, paths, records) => {
    const { it, one, file, done } = await furnished()
    await it.api('GET', `${SYNC}/status?share_id=${it.share}&device_id=dev_1`)
    const edited = it.admin.edit(it.share, '/one/a', 'edited')
    done()
    const answer = await it.apply([it.deleted(one, { resource_type: 'folder', ...when })], strategy)
    expect((await tree(it, answer)).slice(0, 2)).toEqual([verdict, paths])
    const removed = answer.body.conflicts.slice(1).map((record: Json) => [record.resource_id, record.server_version_id])
    expect(answer.body.conflicts).toHaveLength(records)
    expect(removed).toEqual(records === 2 ? [[file.resource_id, edited.version_id]] : [])
  },
)

test('a folder whose children nobody else touched goes with them, in one row', async () => {
  const { it, one } = await furnished()
  const { position } = it.sandbox.inspect().log.at(-1)!
  await it.api('GET', `${SYNC}/status?share_id=${it.share}&device_id=dev_1`)
  const answer = await it.apply([it.deleted(one, { resource_type: 'folder' })], 'SERVER_WINS')
  expect(await tree(it, answer)).toEqual(['applied', '/two', []])
  expect((await it.changes(position)).body.changes).toHaveLength(1)
})

test.each([
  ['LAST_WRITER_WINS', 'applied', '/one /one/new /two'],
  ['KEEP_BOTH', 'applied', '/one /one/new /two'],
  ['SERVER_WINS', 'superseded', '/two'],
  ['CLIENT_WINS', 'applied', '/one /one/new /two'],
  ['MANUAL', 'open', '/two'],
])('a file created in a deleted folder, under %s: %s', async (strategy, verdict, paths) => {
  for (const parent_id of [undefined, true]) {
    const { it, one } = await furnished()
    it.admin.remove(it.share, '/one')
    const metadata = { checksum_sha256: hash('new'), ...(parent_id && { parent_id: one.resource_id }) }
    const answer = await it.push(it.created('/one/new', 'new', { metadata }), 'new', strategy)
    expect(await tree(it, answer)).toEqual([verdict, paths, [strategy === 'MANUAL' ? null : strategy]])
  }
})

const FILE_TWIN = '/one (conflicted copy Laptop 2026-05-01 080000)'

test.each([
  ['LAST_WRITER_WINS', 'conflicted_copy', `/one ${FILE_TWIN} /one/a /two`],
  ['KEEP_BOTH', 'conflicted_copy', `/one ${FILE_TWIN} /one/a /two`],
  ['SERVER_WINS', 'superseded', '/one /one/a /two'],
  ['CLIENT_WINS', 'conflicted_copy', `/one ${FILE_TWIN} /one/a /two`],
  ['MANUAL', 'open', '/one /one/a /two'],
])('a file created where a folder is, under %s: %s', async (strategy, verdict, paths) => {
  const { it } = await furnished()
  const answer = await it.push(it.created('/one', 'file', at(EARLIER, 'file')), 'file', strategy)
  expect(await tree(it, answer)).toEqual([verdict, paths, [strategy === 'MANUAL' ? null : strategy]])
})

test('children of a folder that got another name in the same batch follow it', async () => {
  const it = await scene()
  it.admin.createFile(it.share, '/dir', 'a file')
  const byPath = it.created('/dir/a', 'a')
  const dir = it.folder('/dir', { resource_id: key('fld'), ...OLD })
  const byId = it.created('/dir/b', 'b', { metadata: { checksum_sha256: hash('b'), parent_id: dir.resource_id } })
  await it.upload(byPath.version_id, 'a')
  await it.upload(byId.version_id, 'b')
  const { body } = await it.apply([dir, byPath, byId], 'KEEP_BOTH')
  const name = '/dir (conflicted copy Laptop 2026-05-01 080000)'
  expect(body.applied.map((item: Json) => item.new_path)).toEqual([name, `${name}/a`, `${name}/b`])
})

async function open(it: Scene) {
  const file = it.admin.createFile(it.share, '/a.txt', 'base')
  const theirs = it.admin.edit(it.share, '/a.txt', 'theirs')
  const mine = it.updated(file, 'mine', at(EARLIER, 'mine'))
  const { body } = await it.push(mine, 'mine', 'MANUAL')
  return { file, theirs, mine, conflict: body.conflicts[0] }
}

const resolve = (it: Scene, id: string, resolution: string) =>
  it.api('POST', `${SYNC}/conflicts/${id}/resolve?resolution=${resolution}`)

test('an open conflict is listed, shows in the status, and keeps the client version for download', async () => {
  const it = await scene()
  const { conflict, file, mine, theirs } = await open(it)
  const expected = {
    id: 'cnf_1',
    share_id: it.share,
    device_id: 'dev_1',
    resource_type: 'file',
    resource_id: file.resource_id,
    client_version_id: mine.version_id,
    server_version_id: theirs.version_id,
    created_at: LATER,
    resolution: null,
  }
  expect(conflict).toEqual(expected)
  expect((await it.api('GET', `${SYNC}/conflicts?device_id=dev_1&share_id=${it.share}`)).body).toEqual([expected])
  expect((await it.api('GET', `${SYNC}/conflicts?device_id=dev_9`)).body).toEqual([])
  expect((await it.api('GET', `${SYNC}/status?share_id=${it.share}&device_id=dev_1`)).body.has_conflicts).toBe(true)
  it.admin.remove(it.share, '/a.txt')
  const get = (version: string) => it.api('GET', `${SYNC}/download/${file.resource_id}?version=${version}`)
  expect((await get(mine.version_id)).body).toBe('mine')
  expect((await get(theirs.version_id)).body).toBe('theirs')
  expect((await get(file.version_id)).status).toBe(410)
})

test('a newer client version takes the place of the older one in the open record', async () => {
  const it = await scene()
  const { file, mine, conflict } = await open(it)
  const newer = it.updated(file, 'newer')
  const { body } = await it.push(newer, 'newer', 'MANUAL')
  expect([body.conflicts[0].id, body.conflicts[0].client_version_id]).toEqual([conflict.id, newer.version_id])
  expect(it.sandbox.inspect().versions.some(version => version.id === mine.version_id)).toBe(false)
})

test.each([
  ['CLIENT_WINS', { '/a.txt': 'mine' }, 'updated'],
  ['SERVER_WINS', { '/a.txt': 'theirs' }, undefined],
  ['KEEP_BOTH', { '/a.txt': 'theirs', [`/${COPY}`]: 'mine' }, 'created'],
  ['LAST_WRITER_WINS', { '/a.txt': 'theirs' }, undefined],
  ['MANUAL', { '/a.txt': 'theirs' }, undefined],
])('resolving with %s acts on the tree and the log', async (resolution, tree, row) => {
  const it = await scene()
  const { conflict } = await open(it)
  const head = (await it.changes()).body.cursor
  const answer = await resolve(it, conflict.id, resolution)
  expect(answer).toMatchObject({ status: 200, body: { id: conflict.id, resolution } })
  expect((await outcome(it, answer)).tree).toEqual(tree)
  const rows = (await it.changes(head)).body.changes
  expect(rows.map((change: Json) => change.change_type)).toEqual(row ? [row] : [])
  expect((await it.api('GET', `${SYNC}/conflicts`)).body).toEqual([])
  expect((await it.api('GET', `${SYNC}/conflicts?include_resolved=true`)).body).toEqual([answer.body])
  expect(it.sandbox.inspect().versions.filter(version => version.number === null)).toEqual([])
})

test('a conflict is resolved against what the server holds by then', async () => {
  const it = await scene()
  const { conflict, file } = await open(it)
  it.admin.remove(it.share, '/a.txt')
  const answer = await resolve(it, conflict.id, 'CLIENT_WINS')
  expect((await outcome(it, answer)).tree).toEqual({ '/a.txt': 'mine' })
  expect(it.sandbox.inspect().tree[it.share]?.[0]?.id).toBe(file.resource_id)
})

test('the same resolution again is 200, another one 409, nonsense 422, an unknown conflict 404', async () => {
  const it = await scene()
  const { conflict } = await open(it)
  await resolve(it, conflict.id, 'SERVER_WINS')
  expect((await resolve(it, conflict.id, 'SERVER_WINS')).status).toBe(200)
  expect((await resolve(it, conflict.id, 'CLIENT_WINS')).body.error.code).toBe('SYNC_CONFLICT')
  expect((await resolve(it, conflict.id, 'MAYBE')).status).toBe(422)
  expect((await resolve(it, 'cnf_99', 'MANUAL')).status).toBe(404)
})

test.each([
  ['LAST_WRITER_WINS', NEW, '/two'],
  ['LAST_WRITER_WINS', OLD, '/one /one/a /two'],
  ['KEEP_BOTH', NEW, '/one /one/a /two'],
  ['SERVER_WINS', NEW, '/one /one/a /two'],
  ['CLIENT_WINS', OLD, '/two'],
  ['MANUAL', NEW, '/one /one/a /two'],
])('a question about a folder and what came into it, resolved with %s (%o): %s', async (resolution, when, paths) => {
  const { it, one, done } = await furnished()
  await it.api('GET', `${SYNC}/status?share_id=${it.share}&device_id=dev_1`)
  it.admin.edit(it.share, '/one/a', 'edited')
  done()
  const { body } = await it.apply([it.deleted(one, { resource_type: 'folder', ...when })], 'MANUAL')
  await resolve(it, body.conflicts[0].id, resolution)
  expect(
    it.sandbox
      .inspect()
      .tree[it.share]!.map(node => node.path)
      .join(' '),
  ).toBe(paths)
  const removed = (await it.api('GET', `${SYNC}/conflicts?include_resolved=true`)).body.slice(1)
  expect(removed).toHaveLength(paths === '/two' ? 1 : 0)
})

test('every device of the user sees an open conflict and may resolve it; no other user does', async () => {
  const it = await scene()
  const { conflict } = await open(it)
  await register(it.api, 'dev_2', 'Phone')
  const guest = it.admin.addUser('Bob')
  it.admin.grant(it.share, guest.user_id, 'contributor')
  const other = client(request => it.sandbox.fetch(request), guest.token)
  expect((await other('GET', `${SYNC}/conflicts`)).body).toEqual([])
  expect((await other('POST', `${SYNC}/conflicts/${conflict.id}/resolve?resolution=MANUAL`)).status).toBe(404)
  // The record is the account's: which device asks is not said, so the other one sees and resolves the same.
  expect((await it.api('GET', `${SYNC}/conflicts?share_id=${it.share}`)).body).toEqual([conflict])
  expect((await resolve(it, conflict.id, 'CLIENT_WINS')).status).toBe(200)
  const status = async (device: string) =>
    (await it.api('GET', `${SYNC}/status?share_id=${it.share}&device_id=${device}`)).body.has_conflicts
  expect([await status('dev_1'), await status('dev_2')]).toEqual([false, false])
})

test('the versions of a file are listed, of a deleted one too; one that only waits is not among them', async () => {
  const it = await scene()
  const { file, theirs, mine, conflict } = await open(it)
  const listed = async () =>
    (await it.api('GET', `/api/v1/files/${file.resource_id}/versions`)).body.versions.map((one: Json) => [
      one.id,
      one.checksum_sha256,
    ])
  const both = [
    [file.version_id, hash('base')],
    [theirs.version_id, hash('theirs')],
  ]
  expect(await listed()).toEqual(both)
  await resolve(it, conflict.id, 'CLIENT_WINS')
  expect(await listed()).toEqual([...both, [mine.version_id, hash('mine')]])
  it.admin.remove(it.share, '/a.txt')
  expect(await listed()).toHaveLength(3)
})
