/** Several tabs on one store, and several devices on one remote. */
import { describe, expect, test } from 'vitest'
import { inTime, patiently } from './harness/patiently.ts'
import { engines, stage } from './harness/stage.ts'
import type { Tab } from './harness/tab.ts'

describe.each(engines)('with the engine %s', engine => {
  const on = stage(engine)

  const leads = (tab: Tab) => tab.run(async app => (await app.status()).leads)
  const synced = (tab: Tab) => tab.run(app => app.synced())
  const add = (tab: Tab, title: string) => tab.run((app, title) => app.db.data.notes.add({ title }), title)
  const titles = (tab: Tab) => tab.run(app => app.titles())

  /** The one that leads and the one that follows. */
  async function pair(one: Tab, other: Tab): Promise<[leader: Tab, follower: Tab]> {
    const leader = await patiently('a leader', async () => ((await leads(one)) ? one : (await leads(other)) && other))
    const follower = leader === one ? other : one
    expect(await leads(follower)).toBe(false)
    return [leader, follower]
  }

  test.each(['closed', 'crashed'] as const)(
    'a write in one tab shows in the other, and when the one that leads is %s the other goes on at once (F29, I17)',
    async how => {
      const ada = on.account('Ada')
      const [leader, follower] = await pair(await on.tab(ada), await on.tab(ada))
      await follower.run(app => app.follow())
      await add(leader, 'Tea')
      await follower.until('the live answer', app => app.followed.at(-1)?.includes('Tea'))
      expect(await synced(follower)).toBe('synced')

      on.forget(leader)
      const began = performance.now()
      await leader[how === 'closed' ? 'close' : 'crash']()
      await patiently('the takeover', () => leads(follower), { every: 10 })
      console.log(`The leader was ${how}; the other tab led after ${Math.round(performance.now() - began)} ms.`)
      expect(performance.now() - began).toBeLessThan(20_000)

      await add(follower, 'Milk')
      await follower.reload()
      await follower.run((app, setup) => app.open(setup), ada)
      expect(await titles(follower)).toEqual(['Milk', 'Tea'])
      expect(await synced(follower)).toBe('synced')
      expect([...on.drive.notes(ada.share).values()].map(({ title }) => title).sort()).toEqual(['Milk', 'Tea'])
    },
  )

  test('a leader that is frozen in mid-send is robbed, and thawed it neither commits nor sends (F30, I4, I17)', async () => {
    const ada = on.account('Ada')
    const { sandbox, requests } = on.drive
    const one = await on.tab(ada)
    await patiently('the first tab to lead', () => leads(one))
    expect(await synced(one)).toBe('synced')
    const other = await on.tab({ ...ada, token: on.drive.another(ada.token) })

    // The request arrives and has its effect; its answer comes when nobody is awake.
    sandbox.weather.next({ path: /\/sync\/apply$/, answerLatency: 15_000 })
    const id = await add(one, 'Sent before the frost')
    const isSending = () => [...on.drive.underWay].some(({ url }) => url.endsWith('/sync/apply'))
    await patiently('the request', isSending)
    // By itself no browser freezes a page in the middle of a transaction, where everybody would wait for it: once more then.
    const isFree = () =>
      inTime(
        'a write',
        other.run(async app => void (await app.db.write(() => {}))),
        5_000,
      ).then(
        () => true,
        () => false,
      )
    for (await one.freeze(); !(await isFree()); await one.freeze()) await one.thaw()
    expect(isSending()).toBe(true)
    const began = performance.now()
    const until = requests.length
    await other.run((app, id) => app.db.data.notes.patch(id, { title: 'Written meanwhile' }), id)
    await patiently('the takeover', () => leads(other))
    console.log(`The leader was frozen; the other tab led after ${Math.round(performance.now() - began)} ms.`)
    await patiently('the answer', () => !isSending())
    expect(await synced(other)).toBe('synced')
    expect(await other.run(app => app.db.outbox.list())).toEqual([])

    const thawedAt = requests.length
    await one.thaw()
    await one.until('the robbed tab to know', async app => !(await app.status()).leads)
    await one.run((app, id) => app.db.data.notes.patch(id, { title: 'Written after the frost' }), id)
    expect(await synced(one)).toBe('synced')
    await other.until('the write of the other tab', async app => (await app.db.outbox.count()) === 0)

    const sent = (from: number, to?: number) =>
      requests.slice(from, to).filter(({ token, line }) => token === ada.token && !line.startsWith('GET'))
    expect(sent(until, thawedAt)).toEqual([])
    expect(sent(thawedAt)).toEqual([])
    expect(on.drive.notes(ada.share).get(id)?.title).toBe('Written after the frost')
    expect(Object.values(sandbox.inspect().effects).every(count => count === 1)).toBe(true)
    for (const tab of [one, other]) {
      expect(await titles(tab)).toEqual(['Written after the frost'])
      expect(await synced(tab)).toBe('synced')
      expect(await tab.run(app => app.status())).toMatchObject({ pending: 0, leads: tab === other })
    }
    expect(await other.run(app => app.db.conflicts.list())).toEqual([])
  })

  /**
   * Chromium freezes no page that holds a lock of IndexedDB which others wait for; the developer tools freeze one in the
   * middle of a transaction too. A write shows which it was, and then it is tried again. Resolves to what was written.
   */
  async function freezeAtRest(tabs: readonly Tab[], awake: Tab): Promise<string[]> {
    const written: string[] = []
    for (let time = 1; time <= 6; time++) {
      // What they have to catch up with is done by then, on most machines.
      for (const tab of tabs) expect(await synced(tab)).toBe('synced')
      await new Promise(resolve => setTimeout(resolve, 1_500))
      for (const tab of tabs) await tab.freeze()
      written.push(`Written in frost ${time}`)
      const write = add(awake, written.at(-1)!)
      const atRest = await inTime('a write', write, 8_000).then(
        () => true,
        () => false,
      )
      if (atRest) return written
      for (const tab of tabs) await tab.thaw()
      await write
    }
    throw new Error('The tabs were in a transaction at each frost.')
  }

  test('tabs that are frozen at rest, leader and follower, keep nobody waiting for what they hear (F30, I12)', async () => {
    const ada = on.account('Ada')
    const frozen = [await on.tab(ada), await on.tab(ada)]
    for (const tab of frozen) {
      await tab.run(app => app.follow())
      expect(await synced(tab)).toBe('synced')
    }
    const awake = await on.tab(ada)
    const written = await freezeAtRest(frozen, awake)
    for (const title of ['Milk', 'Sugar']) await add(awake, title)
    await patiently('the takeover', () => leads(awake))
    expect(await synced(awake)).toBe('synced')
    for (const tab of frozen) {
      await tab.thaw()
      await tab.until('what it missed', (app, count) => app.followed.at(-1)?.length === count, written.length + 2)
    }
  })

  test('two profiles are two devices, and a conflict between them is settled and in the inbox of the one that met it (I3, I5)', async () => {
    const ada = { ...on.account('Ada'), rule: 'KEEP_BOTH' as const }
    const [one, other] = [ada.token, on.drive.another(ada.token)]
    const [laptop, phone] = [await on.tab(ada, 'laptop'), await on.tab({ ...ada, token: other }, 'phone')]
    const id = await add(laptop, 'Tea')
    await phone.until('the note', async (app, id) => (await app.db.data.notes.get(id)) !== undefined, id)
    expect(await synced(laptop)).toBe('synced')

    for (const token of [one, other]) on.drive.cut.add(token)
    const write = (tab: Tab, title: string) =>
      tab.run(
        async (app, id, title) => {
          await app.db.data.notes.patch(id, { title })
        },
        id,
        title,
      )
    await write(laptop, 'Black tea')
    await write(phone, 'Green tea')
    on.drive.cut.delete(one)
    await laptop.run(app => app.db.remotes.drive.sync())
    await laptop.until('the outbox', async app => (await app.db.outbox.count()) === 0)
    on.drive.cut.delete(other)
    await phone.run(app => app.db.remotes.drive.sync())

    await patiently('both on both', async () => {
      const all = await Promise.all([laptop, phone].map(titles))
      return all.every(found => found.join() === 'Black tea,Green tea')
    })
    const [entry, ...more] = await phone.run(app => app.db.conflicts.list())
    expect(more).toEqual([])
    expect(entry).toMatchObject({ collection: 'notes', record: id, state: 'settled', verdict: { take: 'both' } })
    expect(await laptop.run(app => app.db.conflicts.list())).toEqual([])
  })

  test('bytes go from one device to another, and a change is heard through the socket', async () => {
    const ada = on.account('Ada')
    const [laptop, phone] = [await on.tab(ada, 'laptop'), await on.tab(ada, 'phone')]
    expect(await synced(phone)).toBe('synced')
    const id = crypto.randomUUID()
    await laptop.run((app, id, share) => app.write(id, 'tides.md', share, '# Tides'), id, ada.share)
    await phone.until('the file', async app => (await app.read('tides.md')) === '# Tides')
  })
})
