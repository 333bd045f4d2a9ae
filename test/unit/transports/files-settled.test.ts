/** What the server settled, over HTTP: all that it ran over is told, can be undone, and what was done meanwhile stands. */
import { describe, expect, test } from 'vitest'
import { COPY, clash, duringApply, edited, opened } from './settled-kit.ts'
import { EARLY, LATE } from './table-kit.ts'

describe('what the server settled', () => {
  test.each(['LAST_WRITER_WINS', 'SERVER_WINS'] as const)(
    'by %s against the local side can be undone',
    async strategy => {
      const { mine, both } = await edited(strategy)
      expect(await both()).toBe('a.txt=theirs')
      const [entry] = await mine.inbox()
      expect(entry).toMatchObject({ rule: strategy, by: 'remote', loses: 'local', verdict: { take: 'remote' } })
      await mine.db.conflicts.undo(entry!.id)
      expect(await both()).toBe('a.txt=mine')
    },
  )

  test('by CLIENT_WINS against what nobody here had seen is told, and can be undone', async () => {
    const { at, mine, both } = await edited('CLIENT_WINS')
    // Nothing of theirs comes before the answer.
    at.sandbox.weather.next({ path: /changes$/, latency: 0 })
    expect(await both()).toBe('a.txt=mine')
    const [entry] = await mine.inbox()
    expect(entry).toMatchObject({ by: 'remote', loses: 'remote', theirs: { value: { size: 6 } } })
    await mine.db.conflicts.undo(entry!.id)
    expect(await both()).toBe('a.txt=theirs')
  })

  test('by KEEP_BOTH is one copy, whatever answer was lost', async () => {
    const { at, mine, both } = await edited('KEEP_BOTH')
    at.sandbox.weather.next({ path: /apply$/, after: 'lose-answer' })
    expect(await both()).toBe(`${COPY}=mine a.txt=theirs`)
    const [entry, ...more] = await mine.inbox()
    expect([entry?.verdict.take, entry?.loses, more]).toEqual(['both', 'nothing', []])
    expect((await mine.at(COPY)).id).toBe(entry?.copy)
    expect(at.sandbox.inspect().conflicts).toHaveLength(1)
  })

  test('by CLIENT_WINS is told although the answer was lost', async () => {
    const { at, mine, both } = await edited('CLIENT_WINS')
    at.sandbox.weather.next({ path: /apply$/, after: 'lose-answer' })
    expect(await both()).toBe('a.txt=mine')
    expect((await mine.inbox()).map(({ loses, theirs }) => [loses, theirs.value?.size])).toEqual([['remote', 6]])
  })

  test.each([
    ['was shown before it was sent', false],
    ['came while it was sent', true],
  ] as const)(
    'by CLIENT_WINS against a folder name that %s is told although the answer was lost (I5)',
    async (_, late) => {
      const at = await opened('CLIENT_WINS')
      const one = await at.device('Laptop')
      await one.folder('a')
      await one.sync()
      const rename = async () => at.sandbox.admin.move(at.share, '/a', '/theirs')
      if (late) duringApply(one, rename)
      else {
        one.pause()
        await rename()
      }
      await one.move('a', 'mine')
      at.sandbox.weather.next({ path: /apply$/, after: 'lose-answer' })
      await one.sync()
      expect(at.shows()).toBe('mine/')
      const inbox = (await one.inbox()).map(({ loses, theirs }) => [loses, theirs.value?.name])
      expect(inbox).toEqual([['remote', 'theirs']])
    },
  )

  test('of a delete is told although its answer was lost, and everything was listed anew without the file (I1)', async () => {
    const { at, mine, both } = await clash(
      'CLIENT_WINS',
      one => one.create('a.txt', 'base'),
      one => one.remove('a.txt'),
      one => one.write('a.txt', 'theirs'),
    )
    at.sandbox.weather.next({ path: /apply$/, after: 'lose-answer' })
    let sent = false
    mine.state.before = ({ url }) => {
      if (url.endsWith('/apply')) sent = true
      else if (sent) {
        delete mine.state.before
        at.sandbox.admin.compact()
      }
    }
    expect(await both()).toBe('')
    expect((await mine.inbox()).map(({ loses, theirs }) => [loses, theirs.value?.size])).toEqual([['remote', 6]])
  })

  test('of a place and its content is judged by each on its own', async () => {
    const { mine, both } = await clash(
      'SERVER_WINS',
      one => one.create('a.txt', 'base'),
      async one => {
        await one.move('a.txt', 'b.txt')
        await one.write('b.txt', 'mine')
      },
      one => one.write('a.txt', 'theirs'),
    )
    // The place is in nobody's way; the content is, although the server's version of it is the one that the move made.
    expect(await both()).toBe('b.txt=theirs')
    expect((await mine.inbox()).map(({ loses }) => loses)).toEqual(['parts'])
  })

  test('by a delete that ran over what nobody here had seen is told with what that was', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    await one.create('a.txt', 'base')
    await one.sync()
    await one.remove('a.txt')
    duringApply(one, async () => at.sandbox.admin.edit(at.share, '/a.txt', 'theirs'))
    at.clock.go(LATE)
    await one.sync()
    expect(at.shows()).toBe('')
    const [entry] = await one.inbox()
    expect(entry).toMatchObject({ loses: 'remote', theirs: { value: { name: 'a.txt', size: 6 } } })
    await one.db.conflicts.undo(entry!.id)
    await one.sync()
    expect(at.shows()).toBe('a.txt=theirs')
  })

  test.each([
    { kind: 'file', metadata: 'full' },
    { kind: 'file', metadata: 'absent' },
    { kind: 'folder', metadata: 'full' },
    { kind: 'folder', metadata: 'absent' },
  ] as const)(
    'by CLIENT_WINS against a new name of a $kind that nobody here had seen is told, and can be undone (rows: $metadata)',
    async ({ kind, metadata }) => {
      const at = await opened('CLIENT_WINS', { metadata })
      const one = await at.device('Laptop')
      await (kind === 'file' ? one.create('x', 'base') : one.folder('x'))
      await one.sync()
      await one.move('x', 'mine')
      duringApply(one, async () => at.sandbox.admin.move(at.share, '/x', '/theirs'))
      at.clock.go(LATE)
      await one.sync()
      expect([...(await one.all()).keys()]).toEqual(['mine'])
      const [entry] = await one.inbox()
      expect(entry).toMatchObject({ loses: 'remote', theirs: { value: { name: 'theirs', parent: at.share } } })
      await one.db.conflicts.undo(entry!.id)
      await one.sync()
      expect(at.shows()).toMatch(/^theirs(=base|\/)$/)
    },
  )

  test('by CLIENT_WINS against an edit of what was renamed too is told with both', async () => {
    const { mine, both } = await clash(
      'CLIENT_WINS',
      one => one.create('a.txt', 'base'),
      one => one.write('a.txt', 'mine'),
      async one => {
        await one.move('a.txt', 'b.txt')
        await one.write('b.txt', 'theirs')
      },
    )
    expect(await both()).toBe('b.txt=mine')
    const [entry, ...more] = await mine.inbox()
    expect(more).toEqual([])
    expect(entry).toMatchObject({
      verdict: { take: 'local' },
      loses: 'remote',
      theirs: { value: { name: 'b.txt', size: 6 } },
    })
    await mine.db.conflicts.undo(entry!.id)
    expect(await both()).toBe('b.txt=theirs')
  })

  test('by CLIENT_WINS against a name that the log has lost meanwhile does not say ours was theirs (I5)', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    const id = await one.create('a.txt', 'base')
    await one.sync()
    duringApply(one, async () => {
      at.sandbox.admin.move(at.share, '/a.txt', '/theirs.txt')
      at.sandbox.admin.compact()
    })
    await one.move('a.txt', 'mine.txt')
    await one.sync()
    expect(at.shows()).toBe('mine.txt=base')
    const [entry] = await one.inbox()
    const theirs = { id, value: { name: 'a.txt' } }
    expect(entry).toMatchObject({ loses: 'remote', theirs, reason: expect.stringContaining('does not say') })
  })

  test('by CLIENT_WINS against a delete that nobody here had seen is told as a delete', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    await one.create('a.txt', 'base')
    await one.sync()
    await one.move('a.txt', 'b.txt')
    duringApply(one, async () => at.sandbox.admin.remove(at.share, '/a.txt'))
    at.clock.go(LATE)
    await one.sync()
    expect(at.shows()).toBe('b.txt=base')
    const [entry] = await one.inbox()
    expect(entry).toMatchObject({ loses: 'remote', theirs: { value: null } })
    await one.db.conflicts.undo(entry!.id)
    await one.sync()
    expect(at.shows()).toBe('')
  })

  test('together with an edit that was made meanwhile: what came with the answer meets it', async () => {
    const { at, mine, both } = await clash(
      'CLIENT_WINS',
      one => one.create('a.txt', 'base'),
      one => one.move('a.txt', 'b.txt'),
      one => one.write('a.txt', 'theirs'),
    )
    duringApply(mine, () => mine.write('b.txt', 'mine'))
    expect(await both()).toBe('b.txt=mine')
    expect((await mine.inbox()).map(({ loses, theirs }) => [loses, theirs.value?.size])).toEqual([['remote', 6]])
    expect(at.sandbox.inspect().conflicts).toEqual([])
  })

  test('leaves an edit that was made meanwhile alone: what lost is what was sent', async () => {
    const { mine, both } = await clash(
      'SERVER_WINS',
      one => one.create('a.txt', 'base'),
      one => one.move('a.txt', 'b.txt'),
      one => one.move('a.txt', 'c.txt'),
    )
    duringApply(mine, () => mine.write('b.txt', 'mine'))
    expect(await both()).toBe('c.txt=mine')
    expect((await mine.inbox()).map(({ loses, local }) => [loses, local.value?.name])).toEqual([['local', 'b.txt']])
  })

  test('by KEEP_BOTH leaves a new name that was given meanwhile alone', async () => {
    const { mine, both } = await edited('KEEP_BOTH')
    duringApply(mine, () => mine.move('a.txt', 'b.txt'))
    expect(await both()).toBe(`${COPY}=mine b.txt=theirs`)
    expect((await mine.inbox()).map(({ loses }) => loses)).toEqual(['nothing'])
  })

  test('by a name that another had and bytes that were theirs is told with both', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    await one.create('a.txt', 'base')
    await one.sync()
    at.clock.stop(EARLY)
    await one.pause()
    await one.move('a.txt', 'b.txt')
    await one.write('b.txt', 'mine')
    duringApply(one, async () => {
      at.sandbox.admin.edit(at.share, '/a.txt', 'theirs')
      at.sandbox.admin.createFile(at.share, '/b.txt', 'other')
    })
    at.clock.go(LATE)
    await one.sync()
    const copy = 'b (conflicted copy Laptop 2026-05-01 081000).txt'
    expect([at.shows(), await one.shows()]).toEqual(Array(2).fill(`${copy}=mine b.txt=other`))
    const [entry, ...more] = await one.inbox()
    expect(more).toEqual([])
    expect(entry).toMatchObject({ verdict: { take: 'both' }, loses: 'remote', theirs: { value: { size: 6 } } })
    await one.db.conflicts.undo(entry!.id)
    await one.sync()
    expect(at.shows()).toBe('a.txt=theirs b.txt=other')
  })

  test('is told once the answer is here, and what came after it is there too', async () => {
    const at = await opened('CLIENT_WINS')
    const one = await at.device('Laptop')
    await one.create('a.txt', 'base')
    await one.sync()
    await one.write('a.txt', 'mine')
    at.sandbox.weather.next({ path: /apply$/, after: 'lose-answer' })
    at.clock.go(LATE)
    let tries = 0
    one.state.before = ({ url }) => {
      if (!url.endsWith('/apply') || ++tries !== 2) return
      // One look has shown our own effect, the next one shows this.
      at.sandbox.admin.move(at.share, '/a.txt', '/b.txt')
      throw new TypeError('fetch failed')
    }
    await one.sync()
    expect([tries, await one.shows(), at.shows()]).toEqual([3, 'b.txt=mine', 'b.txt=mine'])
  })

  test('goes on without what the server cannot place: the rest of the batch lands', async () => {
    const { at, mine, both } = await clash(
      'SERVER_WINS',
      async () => {},
      async one => {
        await one.folder('n')
        await one.create('n/inside', '1')
        await one.create('other', '2')
      },
      one => one.create('n', 'theirs'),
    )
    expect(await both()).toBe(
      'n (conflicted copy Laptop 2026-05-01 081000)/ n (conflicted copy Laptop 2026-05-01 081000)/inside=1 n=theirs other=2',
    )
    expect(at.shows()).toContain('other=2')
    expect((await mine.inbox()).length).toBeGreaterThan(0)
  })
})
