/**
 * Kills a browser in mid-write, again and again, and looks each time whether everything that was acknowledged before is
 * there: in the store, and in the outbox or on the server (I1, I6, F1, F2). `kills.test.ts` does it a few times,
 * `scripts/soak.ts` many times.
 */
import { open } from '../../src/client/open.ts'
import { collection, defineSchema } from '../../src/schema.ts'
import { memory } from '../../src/stores/memory.ts'
import { files, records } from '../../src/transports/files/index.ts'
import type { Setup } from './app/page.ts'
import type { Note } from './app/schema.ts'
import { type Kind, kindOf, noteOf, type Said } from './app/writers.ts'
import { type Chromium, profile } from './harness/chromium.ts'
import { drive } from './harness/drive.ts'
import { dumpOf, judge, type Ledger } from './harness/judge.ts'
import { patiently } from './harness/patiently.ts'
import { site } from './harness/site.ts'
import type { Tab } from './harness/tab.ts'
import { isTorn } from './harness/torn.ts'
import { witness } from './harness/witness.ts'

/** `browser`: SIGKILL for all of its processes. `renderer`: a crash of the page. `tab`: closed by the user. */
export type Killing = 'browser' | 'renderer' | 'tab'

export interface Toll {
  kills: { [killing in Killing]: number }
  /** Acknowledgements that were heard, and how many of them were looked for again after each kill. */
  acknowledged: number
  checked: number
  /** Kills that hit a request which sends, one that fetches, or none at all. */
  pushing: number
  pulling: number
  idle: number
  /** Kills of the browser that left a log of its own torn; see `torn.test.ts`. */
  torn: number
  /** What was still in the outbox after the kills, and how much of it had been sent without an answer. */
  waiting: number
  sent: number
}

export interface Plan {
  readonly killings: readonly Killing[]
  readonly random: () => number
  readonly say?: (line: string) => void
}

export const nothing: Toll = {
  kills: { browser: 0, renderer: 0, tab: 0 },
  acknowledged: 0,
  checked: 0,
  pushing: 0,
  pulling: 0,
  idle: 0,
  torn: 0,
  waiting: 0,
  sent: 0,
}

/** Rejects with what was lost, and then keeps the profile. */
export async function kills({ killings, random, say = () => {} }: Plan): Promise<Toll> {
  const ledger: Ledger = new Map()
  const toll: Toll = { ...nothing, kills: { ...nothing.kills } }
  const remote = await drive()
  const seen = await witness(said => hear(ledger, said as Said, toll))
  const app = await site({ connect: [...remote.origins, seen.url] })
  const account = { ...remote.user('Ada'), store: 'notes' }
  // On the same store, now here, now there.
  const setupOf = (round: number): Setup => ({
    ...account,
    engine: Math.floor(round / 2) % 2 === 0 ? 'inline' : 'worker',
  })
  const other = await otherDevice(account)
  const home = profile()
  let chromium: Chromium | undefined

  async function look(tab: Tab): Promise<void> {
    const local = await tab.run(dumpOf)
    const lost = judge(ledger, local, { notes: remote.notes(account.share), files: remote.files(account.share) })
    if (lost.length > 0) throw new Error(`Lost, and the profile is kept at ${home.path}:\n${lost.join('\n')}`)
    toll.checked += ledger.size
    toll.waiting += local.outbox.length
    toll.sent += local.outbox.filter(({ state }) => state === 'sent').length
  }

  try {
    for (const [round, killing] of killings.entries()) {
      // Nothing may move while it is looked at what the kill has left.
      remote.sandbox.weather.set({ refuse: 1 })
      chromium ??= await home.start()
      const tabs = [await chromium.tab(app.url)]
      await tabs[0]!.run((app, setup) => app.open(setup), setupOf(round))
      await look(tabs[0]!)
      remote.sandbox.weather.set({ latency: [0, 150], answerLatency: [0, 50] })
      if (round % 2 === 1) {
        tabs.push(await chromium.tab(app.url))
        await tabs[1]!.run((app, setup) => app.open(setup), setupOf(round))
      }
      for (const [at, tab] of tabs.entries()) {
        const orders = { witness: seen.url, share: account.share, keys: keysOf(at, round), from: stepsOf(ledger) }
        await tab.run((app, orders) => app.writers.start(app.db, orders), orders)
      }
      const enough = toll.acknowledged + 5 + Math.floor(random() * 60)
      await patiently('the writers', () => toll.acknowledged >= enough, { every: 1 })
      await new Promise(resolve => setTimeout(resolve, random() * 500)) // any moment is as good as any other

      const requests = [...remote.underWay].map(({ method }) => method)
      toll[requests.some(it => it !== 'GET') ? 'pushing' : requests.length > 0 ? 'pulling' : 'idle']++
      if (killing === 'browser') {
        await chromium.kill()
        chromium = undefined
        if (isTorn(home.path)) toll.torn++
      } else {
        // The last one of a site's tabs may take its process along; the browser lives on.
        for (const tab of tabs) await tab[killing === 'tab' ? 'close' : 'crash']()
      }
      await seen.quiet()
      toll.kills[killing]++
      say(`${round + 1}: ${killing} killed, ${toll.acknowledged} acknowledged so far, requests: ${requests.join(' ')}`)
    }

    remote.sandbox.weather.set({ refuse: 1 })
    chromium ??= await home.start()
    const tab = await chromium.tab(app.url)
    await tab.run((app, setup) => app.open(setup), setupOf(killings.length))
    await look(tab)
    remote.sandbox.weather.clear()
    const last = await other.stop()
    await patiently('everything to be on the server', async () => {
      const { phase, pending, held, asked } = await tab.run(app => app.status())
      if (held + asked > 0) throw new Error(`The status is ${phase}, with ${held} held and ${asked} asked.`)
      return phase === 'synced' && pending === 0
    })
    await look(tab)
    const { notes } = await tab.run(dumpOf)
    const here = new Map(notes.map(({ id, value }) => [id, value]))
    for (const [id, value] of last) {
      if (here.get(id)?.title !== value.title) throw new Error(`The other device's ${id} is not here: ${value.title}.`)
    }
    await chromium.close()
    chromium = undefined
    home.remove()
  } finally {
    await chromium?.kill()
    await other.close()
    await Promise.all([remote.close(), seen.close(), app.close()])
  }
  return toll
}

/** Another device of the same user, whose writes come in all the time. */
async function otherDevice(account: { url: string; share: string; token: string }) {
  const db = await open({
    store: memory('other'),
    schema: defineSchema({ version: 1, collections: { notes: collection<Note>()({ remote: 'drive', ...records }) } }),
    remotes: {
      drive: files({
        url: account.url,
        share: account.share,
        folders: { notes: '/notes' },
        token: () => account.token,
      }),
    },
  })
  const kept = new Map<string, Note>()
  let ended = false
  const writing = (async () => {
    for (let n = 1; !ended; n++) {
      const id = `other-${n % 40}`
      await db.data.notes.put(id, noteOf(id, n))
      kept.set(id, noteOf(id, n))
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  })()
  return {
    async stop() {
      ended = true
      await writing
      await db.remotes.drive.synced()
      return kept
    },
    close: () => db.close(),
  }
}

/** Keys of this tab alone: some are new in this round, some were written in the rounds before. */
function keysOf(tab: number, round: number): string[][] {
  const group = Math.floor(round / 4)
  const named = (kind: Kind, count: number) => Array.from({ length: count }, (_, at) => `${kind}-${tab}.${group}.${at}`)
  return [[...named('note', 12), `note-${tab}.new.${round}`], named('pair', 4), named('flicker', 4), named('file', 2)]
}

function hear(ledger: Ledger, { what, key, n }: Said, toll: Toll): void {
  const { kept } = ledger.get(key) ?? { kept: 0 }
  if (what === 'try') ledger.set(key, { kept, tried: n })
  else {
    ledger.set(key, { kept: n, tried: n })
    toll.acknowledged++
  }
}

/** A step that was tried and never acknowledged is not taken again: the next one has another number. */
const stepsOf = (ledger: Ledger): { [key: string]: number } =>
  Object.fromEntries(
    [...ledger].map(([key, { tried }]) => [key, kindOf(key) === 'flicker' ? tried + (tried % 2) : tried]),
  )
