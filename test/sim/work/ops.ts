/** What apps do with a remote that works on jobs. */
import { createHash } from 'node:crypto'
import type { Act } from '../ops.ts'
import type { Kind } from '../plan.ts'
import type { Sim } from '../sim.ts'
import type { Work } from './work.ts'

/** What was asked for and acknowledged. */
export interface Wish {
  readonly id: string
  readonly by: string
  readonly at: number
}

const wishes = new WeakMap<Sim, Wish[]>()
const unwanted = new WeakMap<Sim, Set<string>>()

/** Jobs that somebody wanted to end, acknowledged or not. */
export function unwantedOf(sim: Sim): Set<string> {
  const mine = unwanted.get(sim) ?? new Set()
  unwanted.set(sim, mine)
  return mine
}

export function wishesOf(sim: Sim): Wish[] {
  const mine = wishes.get(sim) ?? []
  wishes.set(sim, mine)
  return mine
}

const workIn = (sim: Sim): Work => {
  if (sim.server.work === undefined) throw new Error('This remote works on no jobs.')
  return sim.server.work
}

export const workActs: { readonly [kind in Kind]?: Act } = {
  async ask(sim, db, by, op) {
    const { id } = await db.remotes.drive!.run(workIn(sim).request(op.dice))
    const all = wishesOf(sim)
    sim.stats.acked++
    if (!all.some(one => one.id === id)) all.push({ id, by, at: sim.world.elapsed() })
  },
  async cancel(sim, db, _, op) {
    const { jobs } = db.remotes.drive!
    const open = (await jobs.list()).filter(({ endedAt }) => endedAt === undefined)
    const one = open[Math.floor(op.dice[0] * open.length)]
    if (one === undefined) return
    unwantedOf(sim).add(one.id)
    await jobs.get(one.id).cancel()
  },
  async refresh(_, db) {
    db.remotes.drive!.sync()
  },
  async document(sim, db, by, op) {
    const work = workIn(sim)
    const text = work.content(op.n)
    const places = work.places()
    const place = places[Math.floor(op.dice[0] * places.length)]!
    const item = { text, place, by, at: sim.world.elapsed(), acked: false }
    work.items.push(item)
    const fields = { dataset: place, name: `mine ${op.n}`, extension: 'txt' }
    await db.data.documents!.write!(`doc-${op.n}`, new TextEncoder().encode(text), fields)
    item.acked = true
    sim.stats.acked++
  },
  async drop(sim, db, by, op) {
    const work = workIn(sim)
    const all = (await db.data.documents!.list()) as readonly {
      readonly id: string
      readonly value: { readonly sha256?: string; readonly dataset?: string }
    }[]
    const one = all[Math.floor(op.dice[0] * all.length)]
    if (one === undefined) return
    const { sha256, dataset } = one.value
    const twice = all.filter(({ value }) => value.sha256 === sha256 && value.dataset === dataset).length > 1
    const drop = { sha256: '', twice, place: '', by, at: sim.world.elapsed(), acked: false }
    await db.write(async tx => {
      const value = await tx.documents!.get(one.id)
      if (value === undefined) return
      Object.assign(drop, { sha256: String(value.sha256), place: String(value.dataset) })
      if (!work.drops.includes(drop)) work.drops.push(drop)
      await tx.documents!.delete(one.id)
    })
    drop.acked = true
    sim.stats.acked++
  },
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
