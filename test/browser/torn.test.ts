/** A log of the browser's that a kill tore in the middle of a record (F2, F17, F19). */
import { appendFileSync, globSync } from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { profile } from './harness/chromium.ts'
import { drive } from './harness/drive.ts'
import { site } from './harness/site.ts'

test('a log that a kill tore is left behind at the next start, and the start after that finds everything (I1, F2)', async () => {
  const remote = await drive()
  const app = await site({ connect: remote.origins })
  const home = profile()
  onTestFinished(async () => {
    await Promise.all([remote.close(), app.close()])
    home.remove()
  })
  const ada = { ...remote.user('Ada'), store: 'notes', engine: 'inline' } as const
  remote.sandbox.weather.set({ refuse: 1 })

  async function visit(title: string): Promise<string[]> {
    const chromium = await home.start()
    try {
      const tab = await chromium.tab(app.url)
      await tab.run((app, setup) => app.open(setup), ada)
      await tab.run((app, title) => app.db.data.notes.add({ title }), title)
      return await tab.run(app => app.titles())
    } finally {
      await chromium.kill()
    }
  }

  expect(await visit('1')).toEqual(['1'])
  const [log, ...more] = globSync(`${home.path}/Default/IndexedDB/*/*.log`)
  expect(more).toEqual([])
  // As Chromium writes a record, head and body apart: the head of 334 bytes of which none was written.
  appendFileSync(log!, Buffer.from([0x6b, 0x1d, 0x5c, 0xd4, 0x4e, 0x01, 0x01]))
  expect(await visit('2')).toEqual(['1', '2'])
  expect(await visit('3')).toEqual(['1', '2', '3'])
}, 180_000)
