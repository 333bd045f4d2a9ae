/** What the server settled, over HTTP: all that it ran over is told, can be undone, and what was done meanwhile stands. */
import { describe, expect, test } from 'vitest'
import { clash, duringApply, opened } from './settled-kit.ts'
import { LATE } from './table-kit.ts'

describe('what the server settled of a folder', () => {
  test('leaves a folder that something came into, though its deletion was made before', async () => {
    const { at, mine, theirs, both } = await clash(
      'KEEP_BOTH',
      async one => {
        await one.folder('d')
        await one.folder('d/e')
        await one.create('d/e/x', 'base')
      },
      one => one.remove('d'),
      one => one.write('d/e/x', 'theirs'),
    )
    expect(await both()).toBe('d/ d/e/ d/e/x=theirs')
    expect(at.sandbox.inspect().tree[at.share]).toHaveLength(3)
    expect((await mine.inbox()).length).toBeGreaterThan(0)
    expect(await theirs.inbox()).toEqual([])
  })

  test('leaves a folder that something came into where it is by now', async () => {
    const { both } = await clash(
      'SERVER_WINS',
      async one => {
        await one.folder('d')
        await one.create('d/x', 'base')
      },
      one => one.remove('d'),
      async one => {
        await one.move('d', 'e')
        await one.create('e/new', 'theirs')
      },
    )
    expect(await both()).toBe('e/ e/new=theirs')
  })

  test('by bringing a deleted folder back for what was made in it tells of that delete', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    await one.folder('d')
    await one.sync()
    const { id } = await one.at('d')
    await one.create('d/new', 'mine')
    duringApply(one, async () => at.sandbox.admin.remove(at.share, '/d'))
    at.clock.go(LATE)
    await one.sync()
    expect(at.shows()).toBe('d/ d/new=mine')
    const [entry] = await one.inbox()
    expect(entry).toMatchObject({ record: id, loses: 'remote', theirs: { id, value: null } })
  })

  test.each(['CLIENT_WINS', 'LAST_WRITER_WINS', 'KEEP_BOTH'] as const)(
    'by bringing a deleted folder back for what was moved into it tells of that delete: %s',
    async strategy => {
      const at = await opened(strategy)
      const one = await at.device('Laptop')
      await one.folder('d')
      await one.create('a', 'mine')
      await one.sync()
      const { id } = await one.at('d')
      await one.move('a', 'd/a')
      duringApply(one, async () => at.sandbox.admin.remove(at.share, '/d'))
      at.clock.go(LATE)
      await one.sync()
      expect(at.shows()).toBe('d/ d/a=mine')
      const told = (await one.inbox()).filter(({ theirs }) => theirs.id === id)
      expect(told).toMatchObject([{ record: id, loses: 'remote', theirs: { value: null } }])
    },
  )

  test('by putting what was moved into a deleted folder into another of that name tells of no folder that is back', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    await one.folder('d')
    await one.create('a', 'mine')
    await one.sync()
    const { id } = await one.at('d')
    await one.move('a', 'd/a')
    duringApply(one, async () => {
      at.sandbox.admin.remove(at.share, '/d')
      at.sandbox.admin.createFolder(at.share, '/d')
    })
    at.clock.go(LATE)
    await one.sync()
    expect(at.shows()).toBe('d/ d/a=mine')
    expect((await one.inbox()).filter(({ theirs }) => theirs.id === id)).toEqual([])
  })

  test('by a delete of a folder names what came into it unseen, and can bring it back', async () => {
    const at = await opened('CLIENT_WINS', { metadata: 'absent' })
    const one = await at.device('Laptop')
    await one.folder('d')
    await one.sync()
    await one.remove('d')
    duringApply(one, async () => at.sandbox.admin.createFile(at.share, '/d/new', 'theirs'))
    at.clock.go(LATE)
    await one.sync()
    expect(at.shows()).toBe('')
    const entry = (await one.inbox()).find(({ theirs }) => theirs.value?.name === 'new')
    expect(entry).toMatchObject({ loses: 'remote', theirs: { value: { size: 6 } } })
  })

  test('leaves a folder in which something is that this device does not sync', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    await one.folder('d')
    await one.sync()
    const { resource_id } = at.sandbox.admin.createFolder(at.share, '/d/hidden')
    at.sandbox.admin.createFile(at.share, '/d/hidden/x', 'theirs')
    await one.db.remotes.drive.api.setPreference({ share: at.share, excluded: [resource_id] })
    await one.sync()
    await one.sync()
    expect(await one.shows()).toBe('d/')
    await one.remove('d')
    const status = await one.sync()
    expect([status.phase, status.held]).toEqual(['needs-user', 1])
    expect(at.shows()).toBe('d/ d/hidden/ d/hidden/x=theirs')
  })
})
