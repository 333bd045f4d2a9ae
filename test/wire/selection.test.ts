/** What a device syncs is chosen on another one, over real HTTP and a real WebSocket. */
import { afterEach, expect, test } from 'vitest'
import { collection, defineSchema, open } from '../../src/index.ts'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { memory } from '../../src/stores/memory.ts'
import { files, type TreeRow, tree } from '../../src/transports/files/index.ts'
import { patiently } from '../browser/harness/patiently.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function served() {
  const sandbox = filesSandbox({ world: realWorld })
  const { user_id, token } = sandbox.admin.addUser('Ada')
  const share = sandbox.admin.addShare('Docs', user_id)
  for (const path of ['/a', '/a/b', '/c']) sandbox.admin.createFolder(share, path)
  for (const path of ['/a/b/x', '/a/y', '/c/z', '/top']) sandbox.admin.createFile(share, path, path)
  const server = await serve({ files: sandbox })
  ends.push(() => server.close())

  async function device(name: string) {
    const entries = collection<TreeRow>()({ ...tree, remote: 'drive', conflicts: 'KEEP_BOTH' })
    const db = await open({
      store: memory(),
      schema: defineSchema({ version: 1, collections: { tree: entries } }),
      remotes: { drive: files({ url: server.urls.files, shares: 'all', token: () => token }) },
      device: { name },
    })
    ends.push(() => db.close())
    await db.remotes.drive.synced()
    const names = async () => (await db.data.tree.list()).map(({ value }) => value.name).sort()
    const shows = (wanted: string) => patiently(`"${wanted}"`, async () => (await names()).join(' ') === wanted)
    return { db, names, shows }
  }
  const idAt = (path: string) => sandbox.inspect().tree[share]?.find(it => it.path === path)?.id ?? ''
  return { sandbox, share, device, idAt, paths: () => sandbox.inspect().tree[share]?.map(({ path }) => path) }
}

test('what another device chooses is followed at once, by the nudge, and deletes nothing', async () => {
  const { sandbox, share, device, idAt, paths } = await served()
  const [laptop, phone] = [await device('Laptop'), await device('Phone')]
  await laptop.shows('a b c top x y z')
  await patiently('two sockets', () => sandbox.admin.openSockets() === 2)

  const { api } = phone.db.remotes.drive
  await api.setPreferences({ device: laptop.db.device.id, preferences: [{ share, excluded: [idAt('/a')] }] })
  await laptop.shows('c top z')
  await phone.shows('a b c top x y z')
  sandbox.admin.edit(share, '/a/b/x', 'news')
  sandbox.admin.move(share, '/a/b', '/c/b')
  await laptop.shows('b c top x z')
  sandbox.admin.move(share, '/c/z', '/a/z')
  await laptop.shows('b c top x')

  await laptop.db.data.tree.write(idAt('/c/b/x'), new TextEncoder().encode('mine'))
  await api.setPreference({ device: laptop.db.device.id, share, selected: [idAt('/a')] })
  await laptop.shows('a top y z')
  await patiently('the edit', () => {
    const node = sandbox.inspect().tree[share]?.find(it => it.path === '/c/b/x')
    return new TextDecoder().decode(sandbox.inspect().bytes(node?.sha256 ?? '')) === 'mine'
  })
  expect(paths()).toEqual(['/a', '/a/y', '/a/z', '/c', '/c/b', '/c/b/x', '/top'])
  await api.setPreference({ device: laptop.db.device.id, share })
  await laptop.shows('a b c top x y z')
  expect(await laptop.db.conflicts.list()).toEqual([])
})

test('shares come and go: one that appears is listed, one that is lost is kept and said to be', async () => {
  const { sandbox, device } = await served()
  const guest = sandbox.admin.addUser('Bob')
  const other = sandbox.admin.addShare('Other', guest.user_id)
  sandbox.admin.createFile(other, '/theirs', 'theirs')
  const laptop = await device('Laptop')
  await patiently('a socket', () => sandbox.admin.openSockets() === 1)
  const owner = sandbox.inspect().users.find(({ name }) => name === 'Ada')!.id
  sandbox.admin.grant(other, owner, 'reader')
  await laptop.shows('a b c theirs top x y z')
  sandbox.admin.revoke(other, owner)
  sandbox.admin.createFile(other, '/more', 'more')
  await patiently('rest', async () => (await laptop.db.remotes.drive.status.get()).phase === 'synced')
  await laptop.shows('a b c theirs top x y z')
  sandbox.admin.grant(other, owner, 'reader')
  await laptop.shows('a b c more theirs top x y z')
})
