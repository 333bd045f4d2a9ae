import { afterEach, describe, expect, test } from 'vitest'
import type { Strategy } from '../../../src/model.ts'
import type { Turn } from '../../../src/sandbox/cognite/knobs.ts'
import { type CdfInstancesOptions, cdfInstances, instanceId } from '../../../src/transports/cdf-instances/index.ts'
import { addFilms, id, movie } from '../../sandbox/cognite-graph-kit.ts'
import { type Film, filmQuery } from './films.ts'
import { projectOf } from './plant-app.ts'

const DAY = 24 * 3_600_000

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const at = (name: string) => instanceId(id(name))

async function cinema(options: Partial<CdfInstancesOptions> = {}, knobs: Turn = {}) {
  const project = projectOf(knobs)
  closing.push(project.close)
  addFilms(project.server)
  const app = (rule?: Strategy) =>
    project.app<Film>({
      ...(rule !== undefined && { rule }),
      source: 'films',
      transport: token =>
        cdfInstances({ url: 'https://cluster.example', project: 'p', query: filmQuery, token, ...options }),
    })
  return {
    ...project,
    app,
    apply: (...items: object[]) => project.admin.apply({ items }),
    remove: (...names: string[]) =>
      project.admin.apply({ items: [], delete: names.map(name => ({ instanceType: 'node', ...id(name) })) }),
    there: () =>
      Object.fromEntries(
        project.server
          .inspect()
          .instances()
          .map(row => [instanceId(row), row.data.mySpace?.Movie]),
      ),
  }
}

describe('two devices on one graph', () => {
  test('see what the other adds, edits and deletes, to the last digit', async () => {
    const { app, there, pass } = await cinema()
    const [one, other] = [await app(), await app()]
    await one.rows.put(at('a'), { title: 'a', views: 9007199254740993n })
    await one.rows.put(at('b'), { title: 'b', tags: ['x'] })
    await pass(40_000)
    await other.rows.patch(at('a'), { releaseYear: 1999 })
    await other.rows.delete(at('b'))
    await pass(80_000)
    const expected = { 'mySpace:a': { title: 'a', views: 9007199254740993n, releaseYear: 1999 } }
    expect([await one.all(), await other.all(), there()]).toEqual([expected, expected, expected])
    expect(await one.status()).toMatchObject({ phase: 'synced', pending: 0 })
  })

  test.each<[Strategy, number]>([
    ['LAST_WRITER_WINS', 1],
    ['KEEP_BOTH', 2],
    ['SERVER_WINS', 1],
    ['CLIENT_WINS', 1],
    ['MERGE', 1],
  ])('that edit one instance apart agree under %s, and nothing of it is silent (I5)', async (rule, count) => {
    const { app, there, pass, server, apply } = await cinema()
    await apply(movie('a', { releaseYear: 0 }))
    const [one, other] = [await app(rule), await app(rule)]
    await pass(1_000)
    server.weather.set({ refuse: 1 })
    await one.rows.patch(at('a'), { releaseYear: 1 })
    await other.rows.patch(at('a'), { releaseYear: 2 })
    server.weather.set({})
    await pass(150_000)
    const state = there()
    expect(Object.keys(state)).toHaveLength(count)
    expect([await one.all(), await other.all()]).toEqual([state, state])
    const kept = [...(await one.db.conflicts.live().get()), ...(await other.db.conflicts.live().get())]
    expect(kept.length).toBeGreaterThan(0)
    const years = [...Object.values(state), ...kept.flatMap(({ local, theirs }) => [local.value, theirs.value])]
    for (const year of [1, 2]) expect(years).toContainEqual(expect.objectContaining({ releaseYear: year }))
  })
})

describe('a device that was away while its cursor expired', () => {
  test('with edits of its own under KEEP_BOTH reads everything anew and loses nothing (I11, I31)', async () => {
    const { app, there, pass, apply, remove, world, server } = await cinema()
    await apply(...['a', 'b', 'c', 'd'].map(name => movie(name, { releaseYear: 0 })))
    const one = await app('KEEP_BOTH')
    await pass(2_000)
    server.weather.set({ refuse: 1 })
    await one.rows.patch(at('a'), { releaseYear: 1 })
    await one.rows.patch(at('b'), { releaseYear: 1 })
    await one.rows.put(at('mine'), { title: 'mine' })
    await remove('b', 'c')
    await apply(movie('a', { releaseYear: 2 }), movie('new'))
    world.jump(4 * DAY)
    server.weather.set({})
    await pass(200_000)
    const state = there()
    expect(await one.all()).toEqual(state)
    expect(state['mySpace:a']).toMatchObject({ releaseYear: 2 })
    expect(Object.values(state)).toContainEqual({ title: 'a', releaseYear: 1 })
    expect(state['mySpace:b']).toMatchObject({ releaseYear: 1 }) // edited here, deleted there: the edit is kept, and told
    expect(Object.keys(state)).toEqual(expect.arrayContaining(['mySpace:mine', 'mySpace:new', 'mySpace:d']))
    expect(state['mySpace:c']).toBeUndefined()
    expect((await one.db.conflicts.live().get()).length).toBeGreaterThanOrEqual(2)
    expect(await one.status()).toMatchObject({ phase: 'synced', missesDeletes: false })
  })

  test('and chose to go on says that deletions may have been missed, until all is read anew (I11x)', async () => {
    const { app, pass, apply, remove, world } = await cinema({ acceptMissedDeletes: true })
    await apply(movie('a'), movie('b'))
    const one = await app()
    await pass(2_000)
    await one.db.remotes.plant.pause()
    await remove('b')
    world.jump(4 * DAY)
    await one.db.remotes.plant.resume()
    await pass(40_000)
    expect(Object.keys(await one.all())).toEqual(['mySpace:a', 'mySpace:b'])
    expect(await one.status()).toMatchObject({ phase: 'synced', missesDeletes: true })
  })

  test('and lost a space meanwhile asks before it lets go of it', async () => {
    const { app, pass, apply, admin, world, server } = await cinema()
    await apply(movie('a'), { ...movie('x'), space: 'other' })
    const one = await app()
    await pass(2_000)
    server.weather.set({ refuse: 1 })
    admin.addToken('ada', { spaces: ['other'] })
    world.jump(4 * DAY)
    server.weather.set({})
    await pass(120_000)
    expect(await one.status()).toMatchObject({ phase: 'needs-user' })
    expect(Object.keys(await one.all())).toEqual(['mySpace:a', 'other:x'])
  })
})

test('with a bad network and a moody server two devices still end the same', async () => {
  const query = { ...filmQuery, with: { films: { ...filmQuery.with.films, limit: 3 } } }
  const { app, pass, server, there } = await cinema(
    { query },
    {
      instances: {
        redeliver: 0.3,
        shuffle: true,
        contend: 0.2,
        behind: [0, 5_000],
        timeoutAbove: 2,
        skipped: 'standing',
      },
    },
  )
  let state = 11
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const [one, other] = [await app('LAST_WRITER_WINS'), await app('LAST_WRITER_WINS')]
  server.weather.set({ refuse: 0.1, lose: 0.1, again: 0.1, refuseWith: 0.1, refusals: [429, 503, 408, 500] })
  for (let step = 0; step < 40; step++) {
    const device = random() < 0.5 ? one : other
    const name = at(`m${Math.floor(random() * 6)}`)
    if (random() < 0.2) await device.rows.delete(name)
    else await device.rows.put(name, { title: `t${step}` })
    await pass(Math.floor(random() * 9) * 1_000)
  }
  server.weather.set({})
  server.set({ instances: { contend: 0 } })
  await pass(300_000)
  expect([await one.all(), await other.all()]).toEqual([there(), there()])
  for (const device of [one, other]) expect(await device.status()).toMatchObject({ phase: 'synced', pending: 0 })
})
