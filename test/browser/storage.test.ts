/** A store that is full, taken away, or wanted in another shape by another tab. */
import { describe, expect, test } from 'vitest'
import { patiently } from './harness/patiently.ts'
import { engines, stage } from './harness/stage.ts'
import type { Tab } from './harness/tab.ts'

describe.each(engines)('with the engine %s', engine => {
  const on = stage(engine)

  const synced = (tab: Tab) => tab.run(app => app.synced())
  const titles = (tab: Tab) => tab.run(app => app.titles())
  const add = (tab: Tab, title: string) => tab.run((app, title) => app.db.data.notes.add({ title }), title)
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'done',
      (error: { code?: string }) => error.code ?? String(error),
    )

  test('a full disk refuses writes by name, stores nothing by halves, and goes on when there is room (F5, F6)', async () => {
    const ada = on.account('Ada')
    const tab = await on.emptyTab('full')
    const origin = on.site.origin
    // Before the first access: the browser remembers for a while how much room there was.
    await tab.debug.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 5_000_000 })
    await tab.run((app, setup) => app.open(setup), ada)
    await add(tab, 'Small')
    expect(await synced(tab)).toBe('synced')

    const { kept, code } = await tab.run(async app => {
      const kept: string[] = []
      // What can be compressed takes no room.
      const some = () => Array.from(crypto.getRandomValues(new Uint32Array(16_000)), one => one.toString(36)).join('')
      const noise = () => Array.from({ length: 5 }, some).join('')
      for (let n = 0; n < 40; n++) {
        const id = `big-${n}`
        try {
          await app.db.write(tx => {
            tx.notes.put(`${id}.a`, { title: noise() })
            tx.notes.put(`${id}.b`, { title: `${n}`.repeat(10) })
          })
          kept.push(`${id}.a`, `${id}.b`)
        } catch (error) {
          return { kept, code: (error as { code?: string }).code }
        }
      }
      return { kept, code: 'never full' }
    })
    expect(code).toBe('storage-full')
    const ids = () =>
      tab.run(async app => (await app.db.data.notes.list()).map(({ id }) => id).filter(id => id.startsWith('big')))
    expect(await ids()).toEqual(kept.toSorted())
    const outbox = await tab.run(async app => (await app.db.outbox.list()).map(({ id }) => id))
    const server = on.drive.notes(ada.share)
    for (const id of kept) expect(outbox.includes(id) || server.has(id)).toBe(true)

    await tab.debug.send('Storage.overrideQuotaForOrigin', { origin })
    expect(await codeOf(add(tab, 'After all'))).toBe('done')
    expect(await synced(tab)).toBe('synced')
    expect([...on.drive.notes(ada.share).keys()].filter(id => id.startsWith('big')).sort()).toEqual(kept.toSorted())
  })

  /** Everything that the browser keeps for the site, gone at once, as by its settings page. */
  const clear = (tab: Tab) =>
    tab.debug.send('Storage.clearDataForOrigin', { origin: on.site.origin, storageTypes: 'all' })

  const deletesUpstream = (): unknown[] =>
    on.drive.sandbox.inspect().log.filter(({ change }) => change.change_type === 'deleted')

  test('site data cleared under a live tab deletes nothing at the remote, and everything comes back (F10, F17, F20, I10)', async () => {
    const ada = on.account('Ada')
    const tab = await on.tab(ada, 'cleared')
    for (const title of ['Tea', 'Milk']) await add(tab, title)
    await tab.run((app, share) => app.write(crypto.randomUUID(), 'tides.md', share, '# Tides'), ada.share)
    expect(await synced(tab)).toBe('synced')
    const device = await tab.run(app => app.db.device.id)

    await clear(tab)
    await tab.until('the notes to be back', async app => (await app.titles()).length === 2)
    await add(tab, 'Sugar')
    expect(await synced(tab)).toBe('synced')
    expect(await titles(tab)).toEqual(['Milk', 'Sugar', 'Tea'])
    expect(await tab.run(app => app.read('tides.md'))).toBe('# Tides')
    expect([...on.drive.notes(ada.share).values()].map(({ title }) => title).sort()).toEqual(['Milk', 'Sugar', 'Tea'])
    expect(deletesUpstream()).toEqual([])

    await tab.reload()
    await tab.run((app, setup) => app.open(setup), ada)
    expect(await synced(tab)).toBe('synced')
    expect(await titles(tab)).toEqual(['Milk', 'Sugar', 'Tea'])
    expect(await tab.run(app => app.db.device.id)).not.toBe(device)
  })

  test('site data cleared between two visits makes another device, which gets everything and deletes nothing (F17, F20, I10)', async () => {
    const ada = on.account('Ada')
    const first = await on.tab(ada, 'cleared')
    for (const title of ['Tea', 'Milk']) await add(first, title)
    expect(await synced(first)).toBe('synced')
    const device = await first.run(app => app.db.device.id)
    on.forget(first)
    await first.close()

    const empty = await on.emptyTab('cleared')
    await clear(empty)
    await empty.run((app, setup) => app.open(setup), ada)
    expect(await synced(empty)).toBe('synced')
    expect(await titles(empty)).toEqual(['Milk', 'Tea'])
    expect(await empty.run(app => app.db.device.id)).not.toBe(device)
    expect(deletesUpstream()).toEqual([])
  })

  test('a newer release in another tab takes the store over with everything in it; the old tab says so (F13, F14, F15, I18)', async () => {
    const ada = on.account('Ada')
    const old = await on.tab(ada)
    await add(old, 'Tea')
    expect(await synced(old)).toBe('synced')
    on.drive.cut.add(ada.token)
    await add(old, 'Not sent yet')

    const next = await on.tab({ ...ada, next: true, token: on.drive.another(ada.token) })
    expect(await codeOf(add(old, 'Too late'))).toBe('storage-newer')
    await patiently('the new tab to lead', async () => (await next.run(app => app.status())).leads)
    expect(await synced(next)).toBe('synced')
    expect(await titles(next)).toEqual(['Not sent yet', 'Tea'])
    const lengths = await next.run(async app =>
      (await app.db.data.notes.list()).map(({ value }) => value.length).sort(),
    )
    expect(lengths).toEqual(['Not sent yet'.length, 'Tea'.length])
    expect([...on.drive.notes(ada.share).values()].map(({ title }) => title).sort()).toEqual(['Not sent yet', 'Tea'])

    await old.reload()
    await old.run((app, setup) => app.open(setup), { ...ada, next: true })
    expect(await titles(old)).toEqual(['Not sent yet', 'Tea'])
  })

  // The connection is the page's own, wherever the engine runs.
  if (engine === 'worker') return

  test('a newer release waits for a tab that is frozen, says why, and deletes nothing (F13, I18)', async () => {
    const ada = on.account('Ada')
    const old = await on.tab(ada)
    await add(old, 'Tea')
    expect(await synced(old)).toBe('synced')
    const next = await on.emptyTab()
    await old.freeze()
    const opening = next.run((app, setup) => app.open(setup), { ...ada, next: true })
    expect(await codeOf(opening)).toBe('storage-unavailable')
    await old.thaw()
    await next.run((app, setup) => app.open(setup), { ...ada, next: true })
    expect(await titles(next)).toEqual(['Tea'])
    expect(await synced(next)).toBe('synced')
  })
})
