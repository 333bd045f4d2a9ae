/** A page that the browser keeps for the way back, and its tab while it is elsewhere (F31). */
import { describe, expect, test } from 'vitest'
import { inTime, patiently } from './harness/patiently.ts'
import { engines, stage } from './harness/stage.ts'
import type { Tab } from './harness/tab.ts'

describe.each(engines)('with the engine %s', engine => {
  const on = stage(engine)

  const synced = (tab: Tab) => tab.run(app => app.synced())
  const add = (tab: Tab, title: string) => tab.run((app, title) => app.db.data.notes.add({ title }), title)
  const leads = (tab: Tab) => tab.run(async app => (await app.status()).leads)

  /** Leaves the page, which the browser keeps, and goes back. Resolves with how that was done. */
  async function away(tab: Tab, meanwhile: () => Promise<void>): Promise<string> {
    await tab.run(app => void app.followed.push(['the same page']))
    await tab.go(`${on.site.url}?elsewhere`)
    await meanwhile()
    const back = tab.debug.next('Page.frameNavigated')
    await tab.run(() => void setTimeout(() => history.back()))
    const { type } = await inTime('the way back', back)
    const same = type === 'BackForwardCacheRestore'
    await tab.until(
      'the page',
      (app, same) => app !== undefined && (app.followed[0]?.[0] === 'the same page') === same,
      same,
    )
    return type
  }

  test('a page kept for the way back wakes up with what it missed, and leads again (F31, I12)', async () => {
    const ada = on.account('Ada')
    const [tab, elsewhere] = [await on.tab(ada), await on.tab(ada, 'elsewhere')]
    await patiently('the tab to lead', () => leads(tab))
    expect(await synced(tab)).toBe('synced')
    const type = await away(tab, async () => {
      await add(elsewhere, 'From another device')
      expect(await synced(elsewhere)).toBe('synced')
    })
    expect(type).toBe('BackForwardCacheRestore')
    await tab.until('what it missed', async app => (await app.titles()).includes('From another device'))
    await tab.until('the lead', async app => (await app.status()).leads)
    await add(tab, 'After')
    expect(await synced(tab)).toBe('synced')
  })

  test("a page kept for the way back is in no tab's way: another leads, and a newer release opens (F13, F31, I17, I18)", async () => {
    const ada = on.account('Ada')
    const tab = await on.tab(ada)
    await patiently('the tab to lead', () => leads(tab))
    await add(tab, 'Before')
    expect(await synced(tab)).toBe('synced')
    let other: Tab | undefined
    const type = await away(tab, async () => {
      other = await on.tab({ ...ada, next: true })
      const began = performance.now()
      await patiently('the other tab to lead', () => leads(other!))
      console.log(`The leader's page was left; the other tab led after ${Math.round(performance.now() - began)} ms.`)
      await add(other, 'Meanwhile')
      expect(await synced(other)).toBe('synced')
    })
    // Chromium gives up the page that holds what another one wants.
    expect(type).toBe('Navigation')
    await tab.run((app, setup) => app.open(setup), { ...ada, next: true })
    expect(await tab.run(app => app.titles())).toEqual(['Before', 'Meanwhile'])
    expect(await leads(other!)).toBe(true)
  })

  test('a page that only followed and is kept for the way back gets no lead that it cannot use (F31, I17)', async () => {
    const ada = on.account('Ada')
    const leader = await on.tab(ada)
    await patiently('the first tab to lead', () => leads(leader))
    const follower = await on.tab(ada)
    expect(await leads(follower)).toBe(false)
    await away(follower, async () => {
      on.forget(leader)
      await leader.close()
      const third = await on.tab(ada)
      const began = performance.now()
      await patiently('the third tab to lead', () => leads(third))
      console.log(`The leader was closed; the third tab led after ${Math.round(performance.now() - began)} ms.`)
      await add(third, 'Meanwhile')
      expect(await synced(third)).toBe('synced')
    })
    if (await follower.run(app => app.databases.size === 0)) await follower.run((app, setup) => app.open(setup), ada)
    await follower.until('what it missed', async app => (await app.titles()).includes('Meanwhile'))
  })
})
