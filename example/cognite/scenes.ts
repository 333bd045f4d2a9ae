/** What happens, in three acts, and what must come of it. */
import { isDeepStrictEqual } from 'node:util'
import type { DeviceOrders } from './device.ts'
import { idOf, type Kind, PIPE, space } from './model.ts'
import type { Plant } from './plant.ts'
import type { ServerOrders } from './server.ts'

export interface Cast {
  readonly laptop: DeviceOrders
  readonly phone: DeviceOrders
  readonly plant: Plant
  readonly server: ServerOrders
}

export interface Act {
  readonly title: string
  run(cast: Cast): Promise<readonly Scene[]>
}

export interface Scene {
  readonly about: string
  readonly said: string
  readonly shown: string
  readonly right: boolean
}

const minute = 60_000
const day = 24 * 60 * minute

export const acts: readonly Act[] = [
  { title: 'A record stream, with everybody there', run: follow },
  { title: 'The graph, with everybody there', run: edit },
  { title: 'The phone is offline for four days, with changes of its own: its cursors expire', run: away },
]

async function follow(cast: Cast): Promise<Scene[]> {
  const { laptop, phone, plant, server } = cast
  for (const name of ['r1', 'r2', 'r3']) await laptop.put('readings', idOf(name), { value: 1 })
  await settled(cast)
  await phone.patch('readings', idOf('r1'), { note: 'checked' })
  await phone.delete('readings', idOf('r2'))
  await plant.upsertReading('r4', { value: 4 })
  await settled(cast)

  // The server takes these at once and shows them a minute later, when the cursors have long passed.
  await server.delay(minute)
  await plant.upsertReading('r5', { value: 5, note: 'late' })
  await laptop.patch('readings', idOf('r3'), { value: 3 })
  await laptop.look()
  const meanwhile = await laptop.look() // by now it was sent
  await phone.look()
  const early = await phone.show('readings', idOf('r5'))
  await server.delay(0)
  await passes(minute, cast)
  await settled(cast)

  const see = seen(cast, 'readings')
  return [
    await see('r1', 'the laptop adds it, the phone notes "checked"', [{ value: 1, note: 'checked' }]),
    await see('r2', 'the laptop adds it, the phone deletes it', []),
    await see('r4', 'somebody at the plant adds it', [{ value: 4 }]),
    await see('r5', `the plant adds it, seen a minute late (before: ${early.length} here)`, [
      { value: 5, note: 'late' },
    ]),
    await see('r3', `the laptop sets 3, seen a minute late (until then: ${meanwhile.pending} pending)`, [{ value: 3 }]),
  ]
}

async function edit(cast: Cast): Promise<Scene[]> {
  const { laptop, phone, plant } = cast
  await laptop.patch('pumps', idOf('p1'), { level: 11 })
  await phone.delete('pumps', idOf('p2'))
  await plant.setPump('p3', { level: 33 })
  await plant.dropPump('p4')
  await laptop.put('pumps', idOf('new'), { name: 'New', hall: 1, level: 0, manual: '' })
  await laptop.put('pipes', idOf('new-p1'), { $type: PIPE, $startNode: node('new'), $endNode: node('p1') })
  await settled(cast)
  const see = seen(cast, 'pumps')
  const pipe = seen(cast, 'pipes')
  return [
    await see('p1', 'the laptop sets its level to 11', [{ level: 11 }]),
    await see('p2', 'the phone deletes it', []),
    await pipe('p2-p3', 'goes with its pump', []),
    await see('p3', 'somebody at the plant sets its level to 33', [{ level: 33 }]),
    await see('p4', 'somebody at the plant deletes it', []),
    await see('new', 'the laptop adds it', [{ name: 'New' }]),
    await pipe('new-p1', 'the laptop adds a pipe', [{ $endNode: node('p1') }]),
  ]
}

async function away(cast: Cast): Promise<Scene[]> {
  const { laptop, phone, plant } = cast
  await phone.offline(true)
  for (const name of ['p11', 'p12', 'p13']) await phone.patch('pumps', idOf(name), { level: 1 })
  await phone.delete('pumps', idOf('p14'))
  await phone.put('pumps', idOf('mine'), { name: 'Mine', hall: 2, level: 1, manual: '' })
  await phone.patch('readings', idOf('r1'), { value: 10 })
  const dirty = await phone.pending()

  await laptop.patch('pumps', idOf('p11'), { level: 2 })
  await plant.dropPump('p12')
  await plant.dropPump('p15')
  await laptop.delete('readings', idOf('r4'))
  await plant.setPump('theirs', { name: 'Theirs', hall: 3, level: 2, manual: '' })
  // The laptop looks every day, so only the phone is away for too long.
  for (let days = 0; days < 4; days++) {
    await laptop.sync()
    await passes(day, cast)
  }
  const before = await laptop.expired()
  await phone.offline(false)
  await settled(cast)
  const expired = await phone.expired()
  const told = [...(await phone.inbox()), ...(await laptop.inbox())]
  const inbox = (name: string) =>
    told.filter(({ record }) => record === idOf(name)).map(it => `in the inbox: ${it.verdict.take}, by ${it.by}`)

  const see = seen(cast, 'pumps')
  const reading = seen(cast, 'readings')
  return [
    {
      about: 'the cursor',
      said: `four days, ${dirty} changes wait on the phone`,
      shown: `expired ${expired} time on the phone, ${before} on the laptop`,
      right: expired === 1 && before === 0 && dirty === 6,
    },
    await see('p11', 'the phone sets 1, the laptop 2', [{ level: 2 }, { level: 1 }], inbox('p11')),
    await see('p12', 'the phone sets 1, the plant deletes it', [{ level: 1 }], inbox('p12')),
    await see('p13', 'the phone sets 1, nobody else anything', [{ level: 1 }]),
    await see('p14', 'the phone deletes it', []),
    await see('p15', 'the plant deletes it', []),
    await see('mine', 'the phone adds it', [{ name: 'Mine' }]),
    await see('theirs', 'the plant adds it', [{ name: 'Theirs' }]),
    await reading('r1', 'the phone sets 10', [{ value: 10, note: 'checked' }]),
    await reading('r4', 'the laptop deletes it', []),
  ]
}

const node = (externalId: string) => ({ space, externalId })

/** What one pushes, the other must still pull. */
async function settled({ laptop, phone }: Cast): Promise<void> {
  for (const device of [phone, laptop, phone, laptop]) await device.sync()
}

async function passes(ms: number, { laptop, phone, server }: Cast): Promise<void> {
  for (const one of [server, laptop, phone]) await one.pass(ms)
}

/** Compares one row and its copies with what must be there: the first that says more, then the rest. */
function seen({ laptop, phone }: Cast, kind: Kind) {
  return async (name: string, said: string, must: readonly object[], inbox?: readonly string[]): Promise<Scene> => {
    const here = [...(await laptop.show(kind, idOf(name))), ...(await phone.show(kind, idOf(name)))]
    const rows = [...new Map(here.map(row => [JSON.stringify(Object.entries(row).sort()), row])).values()]
    const right = rows.length === must.length && must.every(one => rows.some(row => holds(row, one)))
    const fields = Object.keys(must[0] ?? {})
    const texts = rows.map(row =>
      JSON.stringify(Object.fromEntries(Object.entries(row).filter(([name]) => fields.includes(name)))),
    )
    const shown = [texts.join(' and ') || 'gone', ...(inbox ?? [])].join('\n')
    return { about: name, said, shown, right: right && (inbox === undefined || inbox.length > 0) }
  }
}

const holds = (row: object, fields: object): boolean =>
  Object.entries(fields).every(([name, value]) => isDeepStrictEqual((row as { [name: string]: unknown })[name], value))
