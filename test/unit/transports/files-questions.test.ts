/** Questions that the server keeps, over HTTP: what the app sees of them, answers, and lost answers. */
import { describe, expect, test } from 'vitest'
import { COPY, clash, during, edited } from './settled-kit.ts'
import type { Device } from './table-kit.ts'

const questions = async (one: Device) => (await one.inbox()).filter(({ state }) => state === 'open')

describe('a question of the server', () => {
  test('is in the inbox of the device, in the list of every device and in the status', async () => {
    const { at, mine, theirs } = await edited('MANUAL')
    const status = await mine.sync()
    expect([status.phase, status.asked]).toEqual(['needs-user', 1])
    const [asked] = await questions(mine)
    expect(asked).toMatchObject({ rule: 'MANUAL', by: 'remote', local: { value: { name: 'a.txt' } } })
    expect(await mine.shows()).toBe('a.txt=mine')
    const listed = await mine.db.remotes.drive.api.conflicts()
    expect(listed).toMatchObject([
      { resource: asked?.record, share: at.share, device: mine.db.device.id, kind: 'file' },
    ])
    expect(await theirs.db.remotes.drive.api.conflicts({ share: at.share })).toEqual(listed)
    expect(await theirs.db.remotes.drive.api.conflicts({ device: theirs.db.device.id })).toEqual([])
    const states = [mine, theirs].map(
      async ({ db }) => (await db.remotes.drive.api.status({ share: at.share })).hasConflicts,
    )
    expect(await Promise.all(states)).toEqual([true, false])
  })

  const CASES = {
    'update / update': () => edited('MANUAL'),
    'create / create': () =>
      clash(
        'MANUAL',
        async () => {},
        one => one.create('a.txt', 'mine'),
        one => one.create('a.txt', 'theirs'),
      ),
    'update / delete': () =>
      clash(
        'MANUAL',
        one => one.create('a.txt', 'base'),
        one => one.write('a.txt', 'mine'),
        one => one.remove('a.txt'),
      ),
    'delete / update': () =>
      clash(
        'MANUAL',
        one => one.create('a.txt', 'base'),
        one => one.remove('a.txt'),
        one => one.write('a.txt', 'theirs'),
      ),
    'rename / rename': () =>
      clash(
        'MANUAL',
        one => one.create('a.txt', 'base'),
        one => one.move('a.txt', 'mine'),
        one => one.move('a.txt', 'theirs'),
      ),
    'name taken': () =>
      clash(
        'MANUAL',
        one => one.create('b.txt', 'base'),
        one => one.move('b.txt', 'a.txt'),
        one => one.create('a.txt', 'theirs'),
      ),
    'into a deleted folder': () =>
      clash(
        'MANUAL',
        one => one.folder('d'),
        one => one.create('d/a.txt', 'mine'),
        one => one.remove('d'),
      ),
  } as const

  const ANSWERS: readonly (readonly [keyof typeof CASES, 'local' | 'remote' | 'both', string])[] = [
    ['update / update', 'local', 'a.txt=mine'],
    ['update / update', 'remote', 'a.txt=theirs'],
    ['update / update', 'both', `${COPY}=mine a.txt=theirs`],
    ['create / create', 'local', 'a.txt=mine'],
    ['create / create', 'remote', 'a.txt=theirs'],
    ['create / create', 'both', `${COPY}=mine a.txt=theirs`],
    ['update / delete', 'local', 'a.txt=mine'],
    ['update / delete', 'remote', ''],
    ['delete / update', 'local', ''],
    ['delete / update', 'remote', 'a.txt=theirs'],
    ['rename / rename', 'local', 'mine=base'],
    ['rename / rename', 'remote', 'theirs=base'],
    ['name taken', 'local', `${COPY}=base a.txt=theirs`],
    ['name taken', 'remote', 'a.txt=theirs b.txt=base'],
    ['into a deleted folder', 'local', 'd/ d/a.txt=mine'],
    ['into a deleted folder', 'remote', ''],
  ]
  const RESOLUTION = { local: 'CLIENT_WINS', remote: 'SERVER_WINS', both: 'KEEP_BOTH' } as const

  test.each(ANSWERS)('%s, answered here with %s: %s', async (name, take, tree) => {
    const { at, mine, both } = await CASES[name]()
    await mine.sync()
    const [asked] = await questions(mine)
    await mine.db.conflicts.resolve(asked!.id, { take })
    expect(await both()).toBe(tree)
    expect(at.sandbox.inspect().conflicts.map(({ resolution }) => resolution)).toEqual([RESOLUTION[take]])
    expect((await mine.inbox()).map(({ id, state, by }) => [id, state, by])).toEqual([[asked!.id, 'settled', 'app']])
    expect((await mine.sync()).phase).toBe('synced')
  })

  test.each(ANSWERS)('%s, answered on another device with %s: %s (F99)', async (name, take, tree) => {
    const { mine, theirs, both } = await CASES[name]()
    await mine.sync()
    const [asked] = await questions(mine)
    const [listed] = await theirs.db.remotes.drive.api.conflicts()
    await theirs.db.remotes.drive.api.resolveConflict({ id: listed!.id, resolution: RESOLUTION[take] })
    expect(await both()).toBe(tree)
    expect((await mine.inbox()).map(({ id, state, by }) => [id, state, by])).toEqual([[asked!.id, 'settled', 'remote']])
    expect((await mine.sync()).phase).toBe('synced')
    await expect(
      theirs.db.remotes.drive.api.resolveConflict({ id: listed!.id, resolution: 'LAST_WRITER_WINS' }),
    ).rejects.toMatchObject({ code: 'conflict' })
  })

  test('both answered, differently: the first one counts, the other device takes what it came to (F99)', async () => {
    const { at, mine, theirs, both } = await edited('MANUAL')
    await mine.sync()
    mine.state.offline = true
    const [asked] = await questions(mine)
    await mine.db.conflicts.resolve(asked!.id, { take: 'local' })
    const [listed] = await theirs.db.remotes.drive.api.conflicts()
    await theirs.db.remotes.drive.api.resolveConflict({ id: listed!.id, resolution: 'SERVER_WINS' })
    mine.state.offline = false
    expect(await both()).toBe('a.txt=theirs')
    expect(at.sandbox.inspect().conflicts.map(({ resolution }) => resolution)).toEqual(['SERVER_WINS'])
    const [entry] = await mine.inbox()
    expect(entry).toMatchObject({ state: 'settled', loses: 'local', verdict: { take: 'remote' } })
    await mine.db.conflicts.undo(entry!.id)
    expect(await both()).toBe('a.txt=mine')
  })

  test('whose answer got lost is answered once', async () => {
    const { at, mine, both } = await edited('MANUAL')
    await mine.sync()
    const [asked] = await questions(mine)
    at.sandbox.weather.next({ path: /resolve$/, after: 'lose-answer' })
    await mine.db.conflicts.resolve(asked!.id, { take: 'both' })
    expect(await both()).toBe(`${COPY}=mine a.txt=theirs`)
    expect((await mine.inbox()).map(({ state }) => state)).toEqual(['settled'])
  })

  test('is not answered by the login page of a network (F48)', async () => {
    const { at, mine, both } = await edited('MANUAL')
    await mine.sync()
    const [asked] = await questions(mine)
    at.sandbox.weather.next({ path: /resolve$/, before: { status: 200, body: '<html>', contentType: 'text/html' } })
    await mine.db.conflicts.resolve(asked!.id, { take: 'local' })
    expect(await both()).toBe('a.txt=mine')
  })

  test('is about what was edited since, too', async () => {
    const { at, mine, both } = await edited('MANUAL')
    await mine.sync()
    await mine.write('a.txt', 'newer')
    const [asked] = await questions(mine)
    expect(asked?.local.value).toMatchObject({ size: 5 })
    await mine.db.conflicts.resolve(asked!.id, { take: 'local' })
    expect(await both()).toBe('a.txt=newer')
    expect(at.sandbox.inspect().conflicts).toHaveLength(1)
  })

  test('can be settled by hand: the server closes it, and the result follows', async () => {
    const { at, mine, both } = await edited('MANUAL')
    await mine.sync()
    const [asked] = await questions(mine)
    const value = { ...asked!.theirs.value!, name: 'b.txt' }
    await mine.db.conflicts.resolve(asked!.id, { take: 'merged', value })
    expect(await both()).toBe('b.txt=theirs')
    expect(at.sandbox.inspect().conflicts.map(({ resolution }) => resolution)).toEqual(['MANUAL'])
  })

  test('shows what the other side is by now, and the answer is judged against that (F100)', async () => {
    const { mine, theirs, both } = await edited('MANUAL')
    await mine.sync()
    const before = (await questions(mine))[0]!
    await theirs.write('a.txt', 'theirs, again')
    await theirs.sync()
    await mine.sync()
    const [asked] = await questions(mine)
    expect(asked?.theirs.value).toMatchObject({ size: 13 })
    await expect(mine.db.conflicts.resolve(asked!.id, { take: 'local' }, before.theirs.version)).rejects.toMatchObject({
      code: 'conflict',
    })
    await mine.db.conflicts.resolve(asked!.id, { take: 'both' })
    expect(await both()).toBe(`${COPY}=mine a.txt=theirs, again`)
  })

  test.each(['update / update', 'delete / update'] as const)(
    '%s, answered while somebody edits it: what the answer ran over is told (I5)',
    async name => {
      const { at, mine } = await CASES[name]()
      await mine.sync()
      const [asked] = await questions(mine)
      during(mine, /\/resolve$/, async () => at.sandbox.admin.edit(at.share, '/a.txt', 'unseen by anybody'))
      await mine.db.conflicts.resolve(asked!.id, { take: 'local' })
      await mine.sync()
      expect(at.shows()).toBe(name === 'update / update' ? 'a.txt=mine' : '')
      const [entry] = await mine.inbox()
      expect(entry).toMatchObject({ state: 'settled', loses: 'remote', theirs: { value: { name: 'a.txt', size: 17 } } })
      await mine.db.conflicts.undo(entry!.id)
      await mine.sync()
      expect(at.shows()).toBe('a.txt=unseen by anybody')
    },
  )

  test('that is discarded with the change is answered for the server', async () => {
    const { at, mine, both } = await edited('MANUAL')
    await mine.sync()
    const [pending] = await mine.db.outbox.list()
    await mine.db.outbox.discard(pending!.change)
    expect(await both()).toBe('a.txt=theirs')
    expect(at.sandbox.inspect().conflicts.map(({ resolution }) => resolution)).toEqual(['SERVER_WINS'])
  })

  const MAKE = { file: (one: Device) => one.create('a', 'mine'), folder: (one: Device) => one.folder('a') } as const
  test.each([
    ['file', 'folder', 'a (conflicted copy Laptop 2026-05-01 081000)=mine a/'],
    ['folder', 'file', 'a (conflicted copy Laptop 2026-05-01 081000)/ a=mine'],
  ] as const)(
    'about a new %s that was deleted here since is taken as it is answered elsewhere (I3)',
    async (own, other, shown) => {
      let id = ''
      const made = async (one: Device) => {
        id = await MAKE[own](one)
      }
      const { mine, theirs, both } = await clash('MANUAL', async () => {}, made, MAKE[other])
      await mine.sync()
      await mine.db.data.tree.delete(id)
      const [listed] = await theirs.db.remotes.drive.api.conflicts()
      await theirs.db.remotes.drive.api.resolveConflict({ id: listed!.id, resolution: 'KEEP_BOTH' })
      expect(await both()).toBe(shown)
    },
  )
})
