/** Wishes in a storm, with a crash in it, from seeds: `SEEDS=500 vitest run test/unit/transports/jobs-weather.test.ts`. */
import { afterEach, expect, test } from 'vitest'
import { airweaveSandbox } from '../../../src/sandbox/airweave/sandbox.ts'
import { cogneeSandbox } from '../../../src/sandbox/cognee/sandbox.ts'
import type { Weather } from '../../../src/sandbox/weather.ts'
import { collection } from '../../../src/schema.ts'
import { airweave, entities } from '../../../src/transports/airweave/index.ts'
import { cognee, documents } from '../../../src/transports/cognee/index.ts'
import { closeAll, deviceOf, worldWith } from './served.ts'

afterEach(closeAll)

const second = 1_000
const minute = 60 * second
const from = Number(process.env.FROM ?? 1)
const seeds = Array.from({ length: Number(process.env.SEEDS ?? 12) }, (_, at) => from + at)

function dice(seed: number) {
  let state = seed * 7919
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

function storm(weather: Weather, roll: () => number): void {
  weather.set({
    refuse: roll() * 0.4,
    refuseWith: roll() * 0.4,
    // No 429: as an answer that comes after the effect it would be a lie.
    refusals: [500, 502, 503],
    lose: roll() * 0.5,
    loseWith: roll() * 0.3,
    latency: [0, roll() * 3_000],
    answerLatency: [0, roll() * 3_000],
    spoil: roll() * 0.3,
    spoils: ['cut', 'short', 'html', 'empty'],
    loseFrame: roll(),
  })
}

test.each(seeds)(
  'airweave, seed %i: one wish is one job, told as it ended, and what it brought is here',
  async seed => {
    const roll = dice(seed)
    const { world, sandbox } = worldWith(of => airweaveSandbox({ world: of, knobs: { perEntity: 1 + roll() * 5_000 } }))
    const { admin } = sandbox
    const key = admin.addKey()
    const readable = admin.addCollection('Documents', 'documents')
    const some = [1, 2, 3, 4].map(n => ({ id: `e${n}`, name: `Entity ${n}`, text: `text ${n}` }))
    const id = admin.connect(readable, { entities: some })
    const search = airweave({ url: 'https://airweave.example', key: () => key, collection: readable })
    const found = collection({ remote: 'search', ...entities })
    const device = deviceOf(world, sandbox, { entities: found }, { search })
    storm(sandbox.weather, roll)
    const first = await device.start()
    const forceFullSync = roll() < 0.3
    const job = await first.db.remotes.search.run({ sourceConnection: id, forceFullSync })
    await world.pass(roll() * 2 * minute)
    if (roll() < 0.7) device.disk.crash()
    else await first.db.close()
    const { db } = await device.start()
    await world.pass(roll() * 3 * minute)
    sandbox.weather.clear()
    await world.pass(6 * minute)
    db.remotes.search.sync()
    await world.pass(minute)
    const told = await db.remotes.search.jobs.get(job.id).report.get()
    expect(told.job).toBe(sandbox.inspect().jobs[0]!.id)
    // That a job found after a lost answer is a full one does not show.
    expect(forceFullSync ? ['done', 'finished-unverified'] : ['done']).toContain(told.state)
    expect(sandbox.inspect().jobs).toHaveLength(1)
    expect((await db.data.entities.list()).map(({ value }) => value.text).sort()).toEqual(some.map(({ text }) => text))
    await closeAll()
  },
)

test.each(seeds)(
  'cognee, seed %i: a wish is carried out, and all documents are here and in the cloud, once',
  async seed => {
    const roll = dice(seed)
    const { world, sandbox } = worldWith(of => cogneeSandbox({ world: of, knobs: { perDataset: 1 + roll() * 20_000 } }))
    const { admin } = sandbox
    const ada = admin.addUser('ada@example.com')
    const notes = admin.addDataset(ada.user_id, 'notes')
    for (let n = 0; n < 3; n++) admin.addData(notes, `${n}.txt`, `there ${n}`)
    const cloud = { url: 'https://cognee.example/cloud', key: () => sandbox.inspect().cloudKey }
    const remote = cognee({ url: 'https://cognee.example', token: () => ada.token, cloud })
    const device = deviceOf(
      world,
      sandbox,
      { documents: collection({ remote: 'cloud', ...documents }) },
      { cloud: remote },
    )
    storm(sandbox.weather, roll)
    const first = await device.start()
    for (let n = 0; n < 3; n++) {
      const bytes = new TextEncoder().encode(`here ${n}`)
      await first.db.data.documents.write(`mine-${n}`, bytes, { dataset: notes, name: `mine-${n}`, extension: 'txt' })
    }
    const early = await first.db.remotes.cloud.run({ datasets: [notes] })
    await world.pass(roll() * 2 * minute)
    if (roll() < 0.7) device.disk.crash()
    else await first.db.close()
    const { db } = await device.start()
    await world.pass(roll() * 3 * minute)
    sandbox.weather.clear()
    await world.pass(6 * minute)
    expect(['done', 'partial']).toContain((await db.remotes.cloud.jobs.get(early.id).report.get()).state)
    // What came after the first one began is for the next.
    const job = await db.remotes.cloud.run({ datasets: [notes] })
    await world.pass(3 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', counters: { documents: 6, lacking: 0, more: 0 } })
    const names = (all: readonly { name: string }[]) => all.map(({ name }) => name).sort()
    expect(names(sandbox.inspect().data)).toEqual(['0', '1', '2', 'mine-0', 'mine-1', 'mine-2'])
    const local = (await db.data.documents.list()).map(({ value }) => value)
    expect(names(local)).toEqual(['0', '1', '2', 'mine-0', 'mine-1', 'mine-2'])
    expect(admin.cloud(notes)).toHaveLength(6)
    await closeAll()
  },
)
