/** Places that are wanted in a ring, at a server that has one entry of a name at any time. */
import { expect, test } from 'vitest'
import type { Value } from '../../../src/model.ts'
import { mustAgree } from './device.ts'
import { type DriveDevice, driveWorld, hashOf } from './drive-device.ts'

type World = ReturnType<typeof driveWorld>

/** A device that has seen two files and a folder. */
async function seen() {
  const d = driveWorld()
  for (const name of ['a', 'b']) d.admin.createFile(d.share, `/${name}`, name)
  d.admin.createFolder(d.share, '/box')
  const ids = { a: d.idAt('/a'), b: d.idAt('/b'), box: d.idAt('/box') }
  const one = await d.device('laptop')
  const to = async (id: string, changed: Partial<Value>) =>
    one.put(id, { ...((await one.value(id)) as Value), ...changed } as Value)
  return { d, ids, one, to }
}

async function agree(d: World, one: DriveDevice, paths: readonly string[]): Promise<void> {
  expect(await one.sync()).toBe(true)
  expect(d.paths().toSorted()).toEqual(paths)
  expect([await one.inbox(), await one.rows()]).toEqual([[], []])
  await mustAgree(one)
}

test('two files exchange their names', async () => {
  const { d, ids, one, to } = await seen()
  await to(ids.a, { name: 'b' })
  await to(ids.b, { name: 'a' })
  await agree(d, one, ['/a', '/b', '/box'])
  expect([d.idAt('/b'), d.idAt('/a')]).toEqual([ids.a, ids.b])
  expect((await one.value(ids.a))?.sha256).toBe(hashOf('a'))
})

test('three entries pass their names on, a folder among them', async () => {
  const { d, ids, one, to } = await seen()
  await to(ids.a, { name: 'b' })
  await to(ids.b, { name: 'box' })
  await to(ids.box, { name: 'a' })
  await agree(d, one, ['/a', '/b', '/box'])
  expect([d.idAt('/b'), d.idAt('/box'), d.idAt('/a')]).toEqual([ids.a, ids.b, ids.box])
})

test('a folder goes into a new one of its own name', async () => {
  const { d, ids, one, to } = await seen()
  await one.put('new', d.folder('box'))
  await to(ids.box, { parent: 'new' })
  await agree(d, one, ['/a', '/b', '/box', '/box/box'])
  expect(d.idAt('/box/box')).toBe(ids.box)
})
