/** What is published: every entry point is there, loads in plain Node and has types for both ways of resolving. */
import { spawn } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Consumer, consumer, manifest } from './consumer.ts'

let project: Consumer
beforeAll(() => {
  project = consumer()
})
afterAll(() => project?.remove())

const entries = Object.entries(manifest.exports)
const names = entries.map(([path]) => `tidemark${path.slice(1)}`)

test.each(entries)('the export %s exists as code and as types', (_, { types, import: code }) => {
  expect(existsSync(join(project.installed, code))).toBe(true)
  expect(existsSync(join(project.installed, types))).toBe(true)
})

test.each(names)('%s loads in plain Node and exports something', name => {
  const file = project.write('load.mjs', `console.log(Object.keys(await import('${name}')).length)`)
  const { code, text } = project.run(process.execPath, file)
  expect(text).toMatch(/^[1-9]\d*\n$/)
  expect(code).toBe(0)
})

test('nothing else can be reached', () => {
  const file = project.write('inner.mjs', `await import('tidemark/dist/engine/engine.js')`)
  expect(project.run(process.execPath, file).text).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
})

const program = `
import { type Db, memory, open, SyncError, collection, defineSchema } from 'tidemark'
import { indexeddb } from 'tidemark/indexeddb'
import { sqlite } from 'tidemark/sqlite'
import { files, tree, records, type TreeRow } from 'tidemark/files'

import { cdfInstances, from, instanceQuery, property, type RowOf, view } from 'tidemark/cdf-instances'
import { cdfRecords, recordId, records as readings } from 'tidemark/cdf-records'

interface Note { readonly title: string; readonly stars?: number }

const schema = defineSchema({
  version: 1,
  collections: { notes: collection<Note>()({ remote: 'drive', conflicts: 'KEEP_BOTH', index: ['stars'], ...records }), entries: collection({ remote: 'drive', source: 'tree', ...tree }) },
})
const drive = files({ url: 'https://drive.test', share: 'shr_1', folders: { notes: '/notes' }, token: () => 'x' })
for (const store of [memory(), indexeddb('app'), sqlite('app.db')]) {
  const db = await open({ store, schema, remotes: { drive } })
  const id: string = await db.data.notes.add({ title: 'x' })
  const phase: 'synced' | 'syncing' | 'waiting' | 'needs-auth' | 'needs-user' | 'paused' = (await db.remotes.drive.status.get()).phase
  const stars: number | undefined = (await db.data.notes.get(id))?.stars
  const kind: 'file' | 'folder' | undefined = (await db.data.entries.where('name').equals('a').first())?.value.kind
  // @ts-expect-error a title is text
  await db.data.notes.patch(id, { title: 1 })
  // @ts-expect-error there is no such field
  db.data.notes.where('size')
  // @ts-expect-error there is no such remote
  db.remotes.other
  // @ts-expect-error there is no such collection
  db.data.others
  const plain: Db<typeof schema.collections, { drive: typeof drive }> = db
  console.log(id, phase, plain, stars, kind, SyncError)
}
// @ts-expect-error an index is over a field
collection<Note>()({ index: ['size'] })
// @ts-expect-error a strategy has one of the names
collection({ conflicts: 'NEWEST_WINS' })

const Pump = view<{ readonly name: string; readonly size: number }>('plant', 'Pump', 'v1')
const query = instanceQuery({
  with: { pumps: { nodes: { filter: { range: { property: property(Pump, 'size'), gt: 1 } } } }, pipes: { edges: { from: 'pumps' } } },
  select: { pumps: { sources: [from(Pump, ['name'])] }, pipes: {} },
})
const cdf = { url: 'https://cluster.test', project: 'p', token: () => 'x' }
const plant = await open({
  store: memory(),
  schema: defineSchema({
    version: 1,
    collections: {
      pumps: collection<RowOf<typeof query, 'pumps'>>()({ remote: 'graph', conflicts: 'KEEP_BOTH' }),
      pipes: collection<RowOf<typeof query, 'pipes'>>()({ remote: 'graph' }),
      readings: collection<{ readonly value: number }>()({ remote: 'stream', source: 'records', ...readings }),
    },
  }),
  remotes: {
    graph: cdfInstances({ ...cdf, query }),
    stream: cdfRecords({ ...cdf, stream: 'live', containers: [{ space: 'plant', externalId: 'Reading' }] }),
  },
})
await plant.data.readings.put(recordId({ space: 'plant', externalId: 'r' }), { value: 1 })
const pump: string | undefined = (await plant.data.pumps.get('plant:a'))?.name
const end: string | undefined = (await plant.data.pipes.get('plant:e'))?.$endNode.space
// @ts-expect-error only the name was asked for
console.log(pump, end, (await plant.data.pumps.get('plant:a'))?.size, await plant.remotes.graph.api.typing())
// @ts-expect-error a pump has no such property
property(Pump, 'colour')
`

test('a project with a bundler and no types of Node type-checks', () => {
  const { code, text } = project.check('bundler', [project.write('app.ts', program)])
  expect(text).toBe('')
  expect(code).toBe(0)
})

test('a project of Node modules type-checks', () => {
  const { code, text } = project.check('nodenext', [project.write('app.ts', program)], ['node'])
  expect(text).toBe('')
  expect(code).toBe(0)
})

const wrong = (collections: string, use = '') => `
import { collection, defineSchema, memory, open } from 'tidemark'
import { files, shares, tree } from 'tidemark/files'
const drive = files({ url: 'https://drive.test', token: () => 'x' })
const schema = defineSchema({ version: 1, collections: { ${collections} } })
const db = await open({ store: memory(), schema, remotes: { drive } })
${use}
export { shares, tree, db }
`
const wrongs: readonly (readonly [name: string, program: string, said: string])[] = [
  [
    'remote',
    wrong(`a: collection({ remote: 'drvie', source: 'tree' })`),
    `Type '"drvie"' is not assignable to type '"drive"'.`,
  ],
  [
    'source',
    wrong(`a: collection({ remote: 'drive', source: 'tre' })`),
    `Type '"tre"' is not assignable to type '"shares" | "tree"'.`,
  ],
  [
    'copies',
    wrong(`shares: collection({ remote: 'drive', conflicts: 'KEEP_BOTH', ...shares })`),
    `"drive.shares has no place for copies: choose another strategy"`,
  ],
  [
    'rule',
    wrong(
      `a: collection<{ tags: string[] }>()({ conflicts: { fields: { tag: 'UNION' }, otherwise: 'SERVER_WINS', onDelete: 'MANUAL' } })`,
    ),
    `'tag' does not exist in type`,
  ],
  [
    'field',
    wrong(`a: collection<{ title: string }>()({})`, `db.data.a.patch('x', { titel: 'Tea' })`),
    `Did you mean to write 'title'?`,
  ],
  [
    'order',
    wrong(`a: collection<{ title: string }>()({})`, `db.data.a.orderBy('titel')`),
    `'"titel"' is not assignable to parameter of type '"title"'`,
  ],
  ['run', wrong('', `db.remotes.drive.run({})`), `Property 'run' does not exist`],
]

test('what cannot work does not compile, and the compiler says why in words of the app', () => {
  const { text } = project.check(
    'nodenext',
    wrongs.map(([name, program]) => project.write(`wrong-${name}.ts`, program)),
    ['node'],
  )
  for (const [name, , said] of wrongs) {
    const own = text.split(/^(?=\S)/m).filter(line => line.startsWith(`wrong-${name}.ts`))
    expect(own, text).toHaveLength(1)
    expect(own[0]).toContain(said)
  }
})

const page = `
import { collection, defineSchema } from 'tidemark'
import { records } from 'tidemark/files'
export const schema = defineSchema({
  version: 1,
  collections: { notes: collection<{ title: string }>()({ remote: 'drive', ...records }) },
})
`
const worker = `
import { indexeddb } from 'tidemark/indexeddb'
import { files } from 'tidemark/files'
import { type Given, serve } from 'tidemark/worker'
import { schema } from './schema.js'
export default serve(({ account, config, token }: Given<{ url: string }>) => ({
  schema,
  store: indexeddb(\`app:\${account}\`),
  remotes: { drive: files({ url: config.url, folders: { notes: '/notes' }, token: token('drive') }) },
}))
`
const inPage = (more: string, use = '', schema = 'schema') => `
import { collection, defineSchema, open } from 'tidemark'
import { indexeddb } from 'tidemark/indexeddb'
import { schema } from './schema.js'
const other = defineSchema({ version: 1, collections: { tasks: collection<{ title: string }>()({}) } })
const db = await open<typeof import('./sync.js').default>({
  schema: ${schema}, store: indexeddb('app:ada'), account: 'ada',
  worker: () => new Worker(new URL('./sync.js', import.meta.url), { type: 'module' }),
  ${more}
})
${use}
export { db, other }
`
const right = `config: { url: 'https://drive.test' }, tokens: { drive: () => 'x' }`
const wrongInPage: readonly (readonly [name: string, program: string, said: string])[] = [
  ['config', inPage(`config: { ur: 'x' }, tokens: { drive: null }`), `'ur' does not exist in type '{ url: string; }'`],
  ['tokens', inPage(`config: { url: 'x' }, tokens: {}`), `Property 'drive' is missing`],
  ['token', inPage(`config: { url: 'x' }, tokens: { drvie: null }`), `'drvie' does not exist in type 'Tokens<`],
  ['schema', inPage(right, '', 'other'), `Property 'notes' is missing`],
  ['remotes', inPage(right, 'db.remotes.plant'), `Property 'plant' does not exist`],
  ['row', inPage(right, `db.data.notes.put('a', { titel: 'x' })`), `'titel' does not exist in type`],
]

test('a page with a worker has its types, and what does not fit the worker does not compile', () => {
  const use = `
  const title: string | undefined = (await db.data.notes.get('a'))?.title
  const phase: string = (await db.remotes.drive.status.get()).phase
  console.log(title, phase)`
  const shared = [project.write('schema.ts', page), project.write('sync.ts', worker)]
  const fine = [
    project.write('page-one.ts', inPage(right, use)),
    project.write('page-two.ts', inPage(`${right}, inline: () => import('./sync.js')`)),
  ]
  expect(project.check('bundler', [...shared, ...fine])).toEqual({ code: 0, text: '' })
  expect(project.check('nodenext', [...shared, ...fine], ['node'])).toEqual({ code: 0, text: '' })

  const wrong = wrongInPage.map(([name, program]) => project.write(`page-${name}.ts`, program))
  const { text } = project.check('nodenext', [...shared, ...wrong], ['node'])
  for (const [name, , said] of wrongInPage) {
    const own = text.split(/^(?=\S)/m).filter(line => line.startsWith(`page-${name}.ts`))
    expect(own, text).toHaveLength(1)
    expect(own[0]).toContain(said)
  }
})

test("a thread of Node is a worker as good as a browser's", () => {
  const program = inPage(right).replace(/new Worker\(.*\)/, `new Threads(new URL('./sync.js', import.meta.url))`)
  const file = project.write('page-node.ts', `import { Worker as Threads } from 'node:worker_threads'${program}`)
  const shared = [project.write('schema.ts', page), project.write('sync.ts', worker)]
  expect(project.check('nodenext', [...shared, file], ['node'])).toEqual({ code: 0, text: '' })
})

test('the published modules know no sources and no packages but the declared ones', () => {
  const known = Object.keys(manifest.dependencies)
  for (const file of globSync('dist/**/*.{js,d.ts}', { cwd: project.installed, exclude: ['dist/sandbox/**'] })) {
    const text = readFileSync(join(project.installed, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
    for (const [, from = ''] of text.matchAll(/(?:\bfrom|\bimport\()\s*['"]([^'"]+)['"]/g)) {
      if (from.startsWith('.')) expect(from, file).toMatch(/\.js$/)
      else expect([...known, 'node:sqlite', 'node:path'], file).toContain(packageOf(from))
    }
  }
})

/** `@scope/name/file.js` is a file of `@scope/name`. */
function packageOf(from: string): string {
  return from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : from
}

test('the sandbox command serves by itself', async () => {
  const [bin = ''] = Object.values(manifest.bin)
  const child = spawn(process.execPath, [join(project.installed, bin), '--port-files', '0'], {
    cwd: project.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise(resolve => child.once('exit', resolve))
  try {
    const line = await new Promise<string>(resolve => createInterface({ input: child.stdout }).once('line', resolve))
    const { files, token } = JSON.parse(line) as { files: string; token: string }
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(`${files}/api/v1/users/me/shares`, { headers })).status).toBe(200)
    expect((await fetch(`${files}/api/v1/users/me/shares`)).status).toBe(401)
  } finally {
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  }
})
