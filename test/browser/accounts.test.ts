/** Two accounts in one browser (I21, S19). */
import { describe, expect, test } from 'vitest'
import { patiently } from './harness/patiently.ts'
import { engines, stage } from './harness/stage.ts'

describe.each(engines)('with the engine %s', engine => {
  const on = stage(engine)

  test('an account is switched with requests in flight, and what is late for the one never reaches the other (I21, S19)', async () => {
    const [ada, eve] = [on.account('Ada'), on.account('Eve')]
    const { sandbox, requests, underWay } = on.drive
    sandbox.admin.createFile(ada.share, '/secret-of-ada.md', 'secret of Ada')
    const tab = await on.tab(ada)
    expect(await tab.run(app => app.synced())).toBe('synced')

    // One push has its effect, one pull its answer on the way, when the user signs out.
    sandbox.weather.set({ answerLatency: [1_500, 1_500] })
    await tab.run(app => app.db.data.notes.add({ title: 'Secret of Ada' }, 'ada-1'))
    await patiently('a request that sends', () => [...underWay].some(({ method }) => method !== 'GET'))
    await tab.run(
      async (app, ada, eve) => {
        await app.db.data.notes.add({ title: 'Another secret of Ada' }, 'ada-2')
        await app.close(ada.store)
        await app.open(eve)
      },
      ada,
      eve,
    )
    const switched = requests.length
    sandbox.weather.clear()
    await tab.run(app => app.db.data.notes.add({ title: 'Of Eve' }, 'eve-1'))
    expect(await tab.run(app => app.synced())).toBe('synced')
    await patiently('the late answers', () => underWay.size === 0)

    expect(requests.slice(switched).filter(({ token }) => token === ada.token)).toEqual([])
    expect(await tab.run(app => app.titles())).toEqual(['Of Eve'])
    expect(await tab.run((app, store) => app.dumpStores(store), eve.store)).not.toMatch(/\bada\b/i)
    expect([...on.drive.notes(eve.share).keys()]).toEqual(['eve-1'])
    expect(on.drive.notes(ada.share).has('eve-1')).toBe(false)
    const owner = new Map(sandbox.inspect().tokens.map(({ token, user_id }) => [user_id, token]))
    for (const { share_id, change } of sandbox.inspect().log) {
      if (share_id === ada.share) expect(owner.get(change.changed_by)).toBe(ada.token)
      if (share_id === eve.share) expect(owner.get(change.changed_by)).toBe(eve.token)
    }

    // What Ada had not sent waits for her, and goes out when she is back.
    await tab.run(
      async (app, ada, eve) => {
        await app.close(eve.store)
        await app.open(ada)
      },
      ada,
      eve,
    )
    expect(await tab.run(app => app.synced())).toBe('synced')
    expect(await tab.run(app => app.titles())).toEqual(['Another secret of Ada', 'Secret of Ada'])
    expect([...on.drive.notes(ada.share).keys()].sort()).toEqual(['ada-1', 'ada-2'])
    expect(Object.values(sandbox.inspect().effects).every(count => count === 1)).toBe(true)
  })
})
