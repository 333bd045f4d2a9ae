/** The vendor's own JavaScript client and our transport on one graph, over real HTTP: each sees what the other does. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Change, Value } from '../../src/model.ts'
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { type Served, serve } from '../../src/sandbox/serve.ts'
import { cdfInstances, instanceId } from '../../src/transports/cdf-instances/index.ts'
import { client } from '../conformance/transport-io.ts'
import { ACTOR, actor, id, MOVIE, movie, movieProp, plays } from '../sandbox/cognite-graph-kit.ts'
import { filmQuery, seedQuery } from '../unit/transports/films.ts'
import { instanceDeviations } from './cognite-deviations.ts'
import { type Sdk, type SdkGraph, sdkFor } from './cognite-sdk.ts'
import { judgeOf } from './schemas.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const judge = judgeOf('cognite-instances', /^\/api\/v1\/projects\/[^/]+/, instanceDeviations)
const faults = new Set<string>()
listen(exchange => {
  for (const fault of judge?.faults(exchange, true) ?? []) faults.add(fault)
})

const sandbox = cogniteSandbox({ world: realWorld, project: 'p' })
let served: Served<'cognite'>
let sdk: Sdk

beforeAll(async () => {
  sandbox.admin.addToken('ada')
  served = await serve({ cognite: sandbox })
  sdk = sdkFor(served.urls.cognite)
  await sdk.spaces.upsert([{ space: 'mySpace' }])
  const text = { type: { type: 'text' } }
  const models = {
    Movie: {
      title: { ...text, nullable: false },
      releaseYear: { type: { type: 'int32' } },
      tags: { type: { type: 'text', list: true } },
    },
    Actor: { name: text },
  }
  for (const [externalId, properties] of Object.entries(models)) {
    await sdk.containers.upsert([{ ...id(externalId), usedFor: 'node', properties }])
    const mapped = Object.keys(properties).map(name => [
      name,
      { container: { type: 'container', ...id(externalId) }, containerPropertyIdentifier: name },
    ])
    await sdk.views.upsert([{ ...id(`${externalId}View`), version: 'v1', properties: Object.fromEntries(mapped) }])
  }
})

afterAll(async () => {
  listen(() => {})
  await served.close()
})

let changes = 0
function change(name: string, value: Value | null, base: Change['base'] = null): Change {
  const at = { time: Date.now(), device: 'device-1' }
  return { collection: 'films', id: instanceId(id(name)), change: `change-${++changes}`, value, base, at }
}

function device(query: typeof filmQuery | typeof seedQuery) {
  const transport = cdfInstances({ url: served.urls.cognite, project: 'p', query, token: () => 'ada' })
  const one = client({ transport, fetch: request => fetch(request), now: () => Date.now() })
  return {
    one,
    async live(set: string) {
      await one.pull()
      return Object.fromEntries(Object.values(one.live(set)).map(({ id: key, value }) => [key, value]))
    },
    async send(...list: Change[]) {
      const { receipts } = await transport.push!.send(list, one.io())
      return receipts.map(({ state }) => state)
    },
  }
}

/** What the client's own sync brings, page by page, until one comes empty. */
async function walk(query: object, set: string, cursors?: SdkGraph['nextCursor']) {
  const seen: (readonly [string, number, boolean])[] = []
  for (let at = cursors; ; ) {
    const page = await sdk.instances.sync({ ...query, ...(at && { cursors: at }) })
    at = page.nextCursor
    const items = page.items[set] ?? []
    if (items.length === 0) return { seen, cursors: at }
    for (const it of items) seen.push([it.externalId, it.version, it.deletedTime !== undefined])
  }
}

describe('one graph', () => {
  test('filled by the client, is followed by the transport', async () => {
    await sdk.instances.upsert({ items: [movie('a', { releaseYear: 1990 }), movie('b'), actor('ann'), actor('bob')] })
    await sdk.instances.upsert({ items: [plays('a', 'ann')] })
    const films = device(filmQuery)
    expect(await films.live('films')).toEqual({
      'mySpace:a': { title: 'a', releaseYear: 1990 },
      'mySpace:b': { title: 'b' },
    })
    const cast = device(seedQuery)
    expect(await cast.live('actors')).toEqual({ 'mySpace:ann': { name: 'ann' } })
    await sdk.instances.upsert({ items: [movie('b', { releaseYear: 1980, tags: ['x'] }), plays('b', 'bob')] })
    await sdk.instances.delete([{ instanceType: 'node', ...id('a') }])
    expect(await films.live('films')).toEqual({ 'mySpace:b': { title: 'b', releaseYear: 1980, tags: ['x'] } })
    expect(Object.keys(await cast.live('actors'))).toContain('mySpace:bob')
  })

  test('shows the client what the transport writes, in sync, query, list and by id', async () => {
    const query = {
      with: { films: { limit: 100, nodes: { filter: { hasData: [MOVIE] } } } },
      select: { films: { sources: [{ source: MOVIE, properties: ['*'] }] } },
    }
    const { cursors } = await walk(query, 'films')
    const one = device(filmQuery)
    const { 'mySpace:b': was } = await one.live('films')
    const { version } = one.one.live('films')['mySpace:b']!
    const edit = change('b', { title: 'b', releaseYear: 1981 }, { value: was!, version })
    expect(await one.send(edit, change('c', { title: 'c', tags: ['y'] }))).toEqual(['accepted', 'accepted'])
    expect((await walk(query, 'films', cursors)).seen).toEqual([
      ['b', 3, false],
      ['c', 1, false],
    ])
    const sort = [{ property: movieProp('title') }]
    const asked = await sdk.instances.query({ ...query, with: { films: { ...query.with.films, sort } } })
    expect(asked.items.films?.map(({ properties }) => properties)).toEqual([
      { mySpace: { 'MovieView/v1': { title: 'b', releaseYear: 1981 } } },
      { mySpace: { 'MovieView/v1': { title: 'c', tags: ['y'] } } },
    ])
    const listed = await sdk.instances.list({ sources: [{ source: ACTOR }], instanceType: 'node' })
    expect(listed.items.map(({ externalId }) => externalId)).toEqual(['ann', 'bob'])
    const found = await sdk.instances.retrieve({ items: [{ instanceType: 'node', ...id('c') }] })
    expect(found.items).toMatchObject([{ externalId: 'c', version: 1 }])
  })

  test('tells both that somebody was faster', async () => {
    const one = device(filmQuery)
    await one.live('films')
    const { value, version } = one.one.live('films')['mySpace:c']!
    await sdk.instances.upsert({ items: [movie('c', { releaseYear: 7 })] })
    expect(await one.send(change('c', { title: 'mine' }, { value, version }))).toEqual(['conflict'])
    const stale = sdk.instances.upsert({ items: [movie('c', {}, { existingVersion: 1 })] })
    await expect(stale).rejects.toMatchObject({ status: 400 })
  })
})

test.runIf(judge)('the schemas of the vendor found nothing to say about either', () => {
  expect([...faults]).toEqual([])
  expect(judge!.counts.get('POST /models/instances/sync')).toBeGreaterThan(5)
})
