import { expect, test } from 'vitest'
import type { ChangeObject } from '../../src/sandbox/files/state.ts'
import { client, hash, key, register, type Scene, SYNC, scene, settle, talk, virtualWorld } from './kit.ts'

const STRATEGIES = [null, 'LAST_WRITER_WINS', 'KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'MANUAL']

/** Two devices that act on whatever they believe, old or new, while the weather loses and repeats what they send. */
async function history(it: Scene, seed: number) {
  const { random } = virtualWorld(seed * 7919)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  await register(it.api, 'dev_2', 'Phone')
  const devices = ['dev_1', 'dev_2'].map(id => talk(it.api, it.share, id))
  it.sandbox.weather.set({ lose: 0.1, refuse: 0.1, again: 0.3, path: /apply/ })

  for (let step = 0; step < 40; step++) {
    it.world.set(it.world.now() + Math.floor(random() * 5000))
    const device = pick(devices)
    const { versions } = it.sandbox.inspect()
    const version = versions.length > 0 ? pick(versions) : undefined
    const folder = pick(['', ...versions.filter(known => known.content === null).map(known => known.resource_id)])
    const metadata = {
      ...(random() < 0.5 && { modified_at: new Date(it.world.now() - Math.floor(random() * 9000)).toISOString() }),
      parent_id: folder === '' ? null : folder,
    }
    const path = `/${pick(['a', 'b', 'c'])}`
    const text = `text ${seed} ${step}`
    const ref = version && { resource_id: version.resource_id, version_id: version.id }
    const resource_type = version?.content === null ? 'folder' : 'file'
    const kind = random()
    const item =
      !ref || kind < 0.25
        ? device.created(path, text, {
            resource_id: key('fil'),
            metadata: { ...metadata, checksum_sha256: hash(text) },
          })
        : kind < 0.4
          ? device.folder(path, { resource_id: key('fld'), metadata })
          : kind < 0.6 && resource_type === 'file'
            ? device.updated(ref, text, { metadata: { ...metadata, checksum_sha256: hash(text) } })
            : kind < 0.85
              ? device.moved(ref, path, { resource_type, metadata })
              : device.deleted(ref, { resource_type, metadata })
    await device.upload(item.version_id, text)
    const strategy = pick(STRATEGIES)
    const sent = await device.apply([item], strategy).catch(() => undefined)
    if (sent) expect([200, 409]).toContain(sent.status)
    if (random() < 0.5) await device.apply([item], strategy).catch(() => undefined)
    const open = it.sandbox.inspect().conflicts.filter(conflict => conflict.resolution === null)
    if (open.length > 0 && random() < 0.2) {
      const resolution = pick(STRATEGIES.slice(1))
      const { status } = await it.api('POST', `${SYNC}/conflicts/${pick(open).id}/resolve?resolution=${resolution}`)
      expect([200, 409]).toContain(status)
    }
    await settle(5)
  }
}

/** What a client that only ever reads the log believes to be there. */
function replay(rows: readonly ChangeObject[]): readonly string[] {
  const known = new Map<string, { readonly parent: string | null; readonly name: string; readonly version: string }>()
  const forget = (id: string) => {
    known.delete(id)
    for (const [child, { parent }] of [...known]) if (parent === id) forget(child)
  }
  for (const row of rows) {
    if (row.resource_type === 'share') continue
    const { parent_id, name } = row.metadata as { readonly parent_id: string | null; readonly name: string }
    if (row.change_type === 'deleted') forget(row.resource_id)
    else known.set(row.resource_id, { parent: parent_id, name, version: row.version_id! })
  }
  const path = (id: string | null): string =>
    id === null ? '' : `${path(known.get(id)!.parent)}/${known.get(id)!.name}`
  return [...known].map(([id, { version }]) => `${path(id)} ${id} ${version}`).sort()
}

test('whatever happens, the log tells the tree, names are unique, and no key has two effects', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const it = await scene()
    await history(it, seed)
    const { tree, log, effects, versions } = it.sandbox.inspect()
    const nodes = tree[it.share]!
    const told = replay(log.map(row => row.change))
    expect(told, `seed ${seed}`).toEqual(nodes.map(node => `${node.path} ${node.id} ${node.version_id}`).sort())
    expect(new Set(nodes.map(node => node.path.toLowerCase())).size, `seed ${seed}`).toBe(nodes.length)
    expect(new Set(Object.values(effects)), `seed ${seed}`).toEqual(new Set([1]))
    const pinned = versions.filter(version => version.number === null).map(version => version.id)
    const open = it.sandbox.inspect().conflicts.filter(conflict => conflict.resolution === null)
    expect(new Set(pinned), `seed ${seed}`).toEqual(new Set(open.map(conflict => conflict.client_version_id)))
  }
}, 60_000)

test('the same seed tells the same story', async () => {
  const story = async () => {
    const it = await scene()
    await history(it, 5)
    return it.sandbox.inspect().log.map(({ change }) => [change.change_type, change.old_path, change.new_path])
  }
  expect(await story()).toEqual(await story())
})

test('a client of another user is not disturbed', async () => {
  const it = await scene()
  const bob = it.admin.addUser('Bob')
  await history(it, 3)
  const api = client(request => it.sandbox.fetch(request), bob.token)
  it.sandbox.weather.clear()
  expect((await api('GET', `${SYNC}/changes?cursor=0`)).body.changes).toEqual([])
})
