/** The engine's worker is ended at each message of a session, one after the other (I6, I19, F35). */
import { describe, expect, test } from 'vitest'
import { mortal } from '../../conformance/client/mortal.ts'
import { turns } from '../engine/kit.ts'
import { type Death, played } from './frail.ts'
import { stageOf } from './worker-app.ts'

/** The longest pause before the first and the second start anew, and some turns, in milliseconds. */
const soon = 1_000
/** The limit of a start, and the pause. */
const atLast = 21_000

/** Node tells of any end; a closed port once there is one; and once a worker has said which, the lock that it held. */
function noticed(death: Death, heard: ReadonlySet<string | undefined>): number {
  const sure = death === 'told' || (death === 'closed' && heard.has('open')) || heard.has('welcome')
  return sure ? soon : atLast
}

/**
 * Two writes, a conflict, a look and a write more, with the status watched. Whenever a worker ends: every acknowledged
 * write arrives without anybody's help, nothing happens twice, and `synced` is never said while something is missing,
 * or was not looked for since it was asked for (law 9).
 */
async function session(death: Death, at: number, dying = 1) {
  const { world, fake, worker, open, slowly } = stageOf({ death })
  let died: number | undefined
  let latest: string | undefined
  let heard = new Set<string | undefined>()
  const pauses: { readonly pause: number; readonly most: number }[] = []
  const workers = mortal(
    () => {
      if (died !== undefined) pauses.push({ pause: world.now() - died, most: noticed(death, heard) })
      died = undefined
      heard = new Set()
      latest = undefined
      return worker()
    },
    at,
    {
      dying,
      // A message is heard when there is another one after it: the last one may be lost.
      sees(message) {
        heard.add(latest)
        latest = (message as { readonly tidemark?: string }).tidemark
      },
      died: () => {
        died = world.now()
      },
    },
  )

  async function play(): Promise<void> {
    const db = await open({ worker: workers.worker })
    const { fake: remote } = db.remotes
    const acknowledged = new Set<string>()
    const missing = () => {
      const there = new Set(Object.values(fake.values()).map(({ text }) => text))
      return [...acknowledged].filter(text => !there.has(text))
    }
    const lies: string[][] = []
    remote.status.subscribe(({ phase }) => {
      if (phase === 'synced' && missing().length > 0) lies.push(missing())
    })
    const put = async (id: string, text: string) => {
      const write = await db.data.notes.put(id, { text })
      await turns() // a status from before the write is heard by now
      acknowledged.add(text)
      return write
    }
    const synced = async () => {
      while ((await remote.status.get()).phase !== 'synced') await slowly()
      expect(missing()).toEqual([])
    }

    const first = await put('a', 'first')
    expect(await first.settled()).toBe('accepted')
    remote.sync()
    await synced()
    acknowledged.delete('first')

    await put('b', 'second')
    await remote.pause()
    await put('a', 'mine')
    fake.put('a', { text: 'theirs' })
    await remote.resume()
    await synced()

    fake.put('d', { text: 'elsewhere' })
    remote.sync()
    await synced()
    expect(await db.data.notes.get('d')).toEqual({ text: 'elsewhere' })

    const last = await put('c', 'last')
    expect(await last.settled()).toBe('accepted')
    await synced()
    expect(lies).toEqual([])
    expect((await db.conflicts.list()).length).toBe(1)
    const here = (await db.data.notes.list()).map(({ value }) => value.text).sort()
    expect(here).toEqual(['elsewhere', 'last', 'mine', 'second', 'theirs'])
    const there = Object.values(fake.values()).map(({ text }) => text)
    expect(there.sort()).toEqual(here)
    await db.close()
  }
  await played(world, play())
  return { workers, pauses }
}

describe.each<Death>(['told', 'closed', 'silent'])('a worker whose end is %s', death => {
  test.each([1, 2])(
    'at any message, %i in a row, loses no acknowledged write, and another one goes on',
    {
      timeout: 600_000,
    },
    async dying => {
      const whole = await session(death, 0)
      expect(whole.workers.made()).toBe(1)
      expect(whole.workers.count()).toBeGreaterThan(30)
      let at = 0
      for (let killed = true; killed; ) {
        const { workers, pauses } = await session(death, ++at, dying).catch(error => {
          throw new Error(`Ended at message ${at}: ${error.message}`, { cause: error })
        })
        killed = workers.killed()
        for (const { pause, most } of pauses) expect(pause, `ended at message ${at}`).toBeLessThan(most)
      }
      expect(at).toBeGreaterThan(30)
    },
  )
})
