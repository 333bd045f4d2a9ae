import { afterEach, describe, expect, test } from 'vitest'
import type { Rule } from '../../../src/model.ts'
import { bytesOf, closeDrives, driveApp } from './drive-app.ts'

afterEach(closeDrives)

async function edited(rule: Rule) {
  const it = await driveApp(rule)
  await it.rows.write(it.idAt('/f/g/x'), bytesOf('mine'))
  it.admin.remove(it.share, '/f')
  await it.sync()
  const [entry, ...more] = await it.db.conflicts.list()
  expect(more).toEqual([])
  return { ...it, entry: entry! }
}

const whole = ['/f', '/f/g', '/f/g/x', '/f/y', '/h']

describe('a folder that was deleted elsewhere while something in it was edited here', () => {
  test('is one entry under SERVER_WINS, whose undo brings back all of it with its bytes (I5)', async () => {
    const it = await edited('SERVER_WINS')
    expect([await it.names(), it.paths()]).toEqual([['h'], ['/h']])
    expect(it.entry.below?.map(({ value }) => value?.name).sort()).toEqual(['g', 'x', 'y'])
    await it.db.conflicts.undo(it.entry.id)
    expect(await it.names()).toEqual(['f', 'g', 'h', 'x', 'y'])
    await it.sync()
    await it.sync()
    expect(it.paths()).toEqual(whole)
    expect([it.text('/f/g/x'), it.text('/f/y')]).toEqual(['mine', 'first /f/y'])
    expect((await it.status()).phase).toBe('synced')
  })

  test('stays as it is under MANUAL while the question is open, which names all that is in it', async () => {
    const it = await edited('MANUAL')
    expect(it.entry).toMatchObject({ state: 'open' })
    expect(await it.names()).toEqual(['f', 'g', 'h', 'x', 'y'])
    expect(it.entry.below?.map(({ value }) => value?.name).sort()).toEqual(['g', 'x', 'y'])
    await it.rows.patch(it.entry.below!.find(({ value }) => value?.name === 'y')!.id, { name: 'yy' })
    await it.sync()
    expect(it.paths()).toEqual(['/h'])
    expect(await it.db.conflicts.list({ state: 'open' })).toHaveLength(1)
  })

  test('goes with all that is in it when the app says so, and comes back whole by undo', async () => {
    const it = await edited('MANUAL')
    await it.db.conflicts.resolve(it.entry.id, { take: 'remote' })
    expect(await it.names()).toEqual(['h'])
    await it.sync()
    expect([it.paths(), (await it.status()).phase]).toEqual([['/h'], 'synced'])
    await it.db.conflicts.undo(it.entry.id)
    await it.sync()
    await it.sync()
    expect(it.paths()).toEqual(whole)
    expect([it.text('/f/g/x'), it.text('/f/y')]).toEqual(['mine', 'first /f/y'])
  })

  test('comes back for what was edited when the app says so', async () => {
    const it = await edited('MANUAL')
    await it.db.conflicts.resolve(it.entry.id, { take: 'local' })
    await it.sync()
    await it.sync()
    expect(it.paths()).toEqual(['/f', '/f/g', '/f/g/x', '/h'])
    expect([await it.names(), it.text('/f/g/x')]).toEqual([['f', 'g', 'h', 'x'], 'mine'])
  })
})

describe('a folder that was deleted here while something came into it elsewhere', () => {
  async function deleted(rule: Rule) {
    const it = await driveApp(rule)
    const own = it.idAt('/f')
    // Nobody hears of each other: the file is there before the deletion goes out.
    it.admin.createFile(it.share, '/f/g/z', 'theirs')
    await it.rows.delete(own)
    await it.sync()
    const [entry, ...more] = await it.db.conflicts.list()
    expect(more).toEqual([])
    return { ...it, entry: entry! }
  }

  test('goes under CLIENT_WINS with what came, and undo brings both back', async () => {
    const it = await deleted('CLIENT_WINS')
    expect(it.paths()).toEqual(['/h'])
    await it.db.conflicts.undo(it.entry.id)
    await it.sync()
    await it.sync()
    expect(it.paths()).toEqual(['/f', '/f/g', '/f/g/z', '/h'])
    expect(it.text('/f/g/z')).toBe('theirs')
  })

  test.each([
    ['local', ['/h']],
    ['remote', ['/f', '/f/g', '/f/g/z', '/h']],
  ] as const)('ends with the answer "%s" under MANUAL', async (take, paths) => {
    const it = await deleted('MANUAL')
    for (let open = [it.entry]; open.length > 0; open = await it.db.conflicts.list({ state: 'open' })) {
      for (const { id } of open) await it.db.conflicts.resolve(id, { take })
      await it.sync()
    }
    expect([it.paths(), (await it.status()).phase]).toEqual([paths, 'synced'])
    expect(await it.names()).toEqual(paths.map(path => path.slice(path.lastIndexOf('/') + 1)).sort())
  })
})
