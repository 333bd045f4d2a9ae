import { createHash } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import type { Change, RemoteRecord, Value } from '../../../src/model.ts'
import { filesSandbox } from '../../../src/sandbox/files/sandbox.ts'
import { files } from '../../../src/transports/files/index.ts'
import { type Client, client } from '../../conformance/transport-io.ts'

let time: number
let server: ReturnType<typeof filesSandbox>
let share: string
let owner: { user_id: string; token: string }
let one: Client

beforeEach(async () => {
  time = 1_777_708_800_000
  server = filesSandbox({ world: { now: () => time++, sleep: async () => {}, random: () => 0.5 } })
  owner = server.admin.addUser('Ada')
  share = server.admin.addShare('Team', owner.user_id)
  one = device('device-1')
  await one.transport.join!(one.io())
})

function device(id: string, options: Partial<Parameters<typeof files>[0]> = {}): Client {
  const transport = files({ url: 'https://drive.example', share, token: () => owner.token, ...options })
  return client({ transport, fetch: server.fetch, now: () => time, device: { id, name: 'Laptop' } })
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

function fileRow(name: string, text: string, parent = share): Value {
  return {
    share,
    parent,
    name,
    kind: 'file',
    size: text.length,
    sha256: sha256(text),
    mime: 'text/plain',
    modifiedAt: time,
  }
}

let changes = 0
function change(id: string, value: Value | null, base: RemoteRecord | null = null): Change {
  const at = { time, device: 'device-1' }
  return {
    collection: 'tree',
    id,
    change: `change-${++changes}`,
    value,
    base: base && { value: base.value, version: base.version },
    at,
  }
}

async function send(from: Client, ...list: Change[]) {
  return (await from.transport.push!.send(list, from.io())).receipts
}

async function upload(from: Client, one: Change, text: string) {
  await from.transport.bodies!.upload(one, new TextEncoder().encode(text), from.io())
}

test('a first pull brings the whole tree and the cursor behind it', async () => {
  const { admin } = server
  const docs = admin.createFolder(share, '/docs')
  const file = admin.createFile(share, '/docs/a.txt', 'hello', { modified_at: 1_777_000_000_000 })
  const pages = await one.pull()
  expect(one.live('tree')).toEqual({
    [docs.resource_id]: {
      collection: 'tree',
      id: docs.resource_id,
      value: { share, parent: share, name: 'docs', kind: 'folder' },
      version: docs.version_id,
      at: expect.any(Number),
      origin: docs.version_id.slice(4),
    },
    [file.resource_id]: {
      collection: 'tree',
      id: file.resource_id,
      value: {
        share,
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
  expect(pages.at(-1)?.complete).toEqual([{ source: 'tree', within: share }, { source: 'shares' }])
  expect(await one.look()).toEqual([])
  expect(Object.values(one.live('shares')).map(({ value }) => value)).toEqual([
    { name: 'Team', type: 'team', role: 'owner', owner: owner.user_id },
  ])
})

test('what changes later comes from the log', async () => {
  await one.pull()
  const { admin } = server
  admin.createFolder(share, '/docs')
  const file = admin.createFile(share, '/docs/a.txt', 'hello')
  admin.move(share, '/docs/a.txt', '/b.txt')
  admin.remove(share, '/docs')
  await one.pull()
  expect(Object.values(one.live('tree')).map(({ id, value }) => [id, value?.name, value?.parent])).toEqual([
    [file.resource_id, 'b.txt', share],
  ])
  expect(server.inspect().cursorOf(owner.user_id, 'device-1', share)?.position).toBe(server.inspect().tenants[0]?.head)
})

test('a file is created, edited and moved, and deleted', async () => {
  await one.pull()
  const created = change('fil_abcdefgh', fileRow('a.txt', 'one'))
  await upload(one, created, 'one')
  expect(await send(one, created)).toEqual([
    { change: created.change, state: 'accepted', version: `ver_${created.change}` },
  ])
  await one.pull()
  const base = one.live('tree').fil_abcdefgh!
  expect(base.origin).toBe(created.change)

  const folder = change('fld_abcdefgh', { share, parent: share, name: 'docs', kind: 'folder' })
  const edited = change('fil_abcdefgh', fileRow('b.txt', 'two', 'fld_abcdefgh'), base)
  await upload(one, edited, 'two')
  expect((await send(one, folder, edited)).map(({ state }) => state)).toEqual(['accepted', 'accepted'])
  expect(server.inspect().tree[share]?.map(({ path, version_id, sha256 }) => [path, version_id, sha256])).toEqual([
    ['/docs', `ver_${folder.change}`, null],
    ['/docs/b.txt', `ver_${edited.change}`, sha256('two')],
  ])
  await one.pull()
  const gone = change('fil_abcdefgh', null, one.live('tree').fil_abcdefgh)
  expect((await send(one, gone)).map(({ state }) => state)).toEqual(['accepted'])
  expect((await send(one, gone)).map(({ state }) => state)).toEqual(['accepted'])
  expect(Object.values(server.inspect().effects).every(count => count === 1)).toBe(true)
})
