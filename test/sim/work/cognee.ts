/** The Cognee sandbox in the simulated world: a server that all devices share, the cloud behind it, and other clients. */
import { createHash } from 'node:crypto'
import { ApiError } from '../../../src/sandbox/cognee/errors.ts'
import type { Knobs } from '../../../src/sandbox/cognee/knobs.ts'
import { cogneeSandbox } from '../../../src/sandbox/cognee/sandbox.ts'
import type { Stored } from '../../../src/store.ts'
import { between, pick, randomOf } from '../random.ts'
import type { World } from '../world.ts'
import type { Dice, Drop, Item, JobSeen, Run, Work } from './work.ts'

const ROOT = '/api/v1'
/** Where the cloud is, for those who have access to it. */
export const CLOUD_KEY = 'the-key-of-the-cloud'

function knobsOf(seed: string): Partial<Knobs> {
  const random = randomOf(`${seed}/cognee`)
  return {
    shape: pick(random, ['flat', 'flat', 'map', 'broken'] as const),
    refusals: pick(random, ['documented', 'code'] as const),
    status: pick(random, ['both', 'code', 'documented'] as const),
    times: pick(random, ['zoned', 'naive'] as const),
    cloudChecked: random() < 0.5,
    rateLimit: pick(random, [null, null, 120]),
    perDataset: between(random, 1, random() < 0.5 ? 500 : 8000),
    tokenLife: Number.POSITIVE_INFINITY,
  }
}

/** Whether devices may look into the cloud, and how often they look at the server. */
export function cogneeOptions(seed: string): { readonly cloud: boolean; readonly every: number } {
  const random = randomOf(`${seed}/cognee/options`)
  return { cloud: random() < 0.7, every: pick(random, [5_000, 30_000]) }
}

const hash = (algorithm: string, text: string): string => createHash(algorithm).update(text).digest('hex')

export function cogneeWork(world: World, seed: string, token: string): Work {
  const draw = randomOf(`${seed}/cognee/server`)
  const { cloud: seesCloud } = cogneeOptions(seed)
  const sandbox = cogneeSandbox({
    world: { now: world.now, random: world.stream('cognee'), sleep: () => new Promise(() => undefined) },
    knobs: knobsOf(seed),
  })
  const { admin } = sandbox
  const { user_id: user } = admin.addUser('ada@example.com')
  admin.addToken(user, token)
  const { cloudKey } = sandbox.inspect()
  /** SHA-256 by MD5, of every text that there ever was. */
  const shaOf = new Map<string, string>()
  let made = 0
  const fresh = (): string => known(`from there ${++made}`)
  function known(text: string): string {
    shaOf.set(hash('md5', text), hash('sha256', text))
    return text
  }

  const datasets = Array.from({ length: between(draw, 1, 3) }, (_, n) => {
    const id = admin.addDataset(user, `dataset ${n}`)
    for (let left = between(draw, 0, 3); left > 0; left--) admin.addData(id, `first ${left}`, fresh())
    return id
  })
  const items: Item[] = []
  const drops: Drop[] = []
  const runs = new Map<string, Run>()
  /** Since when what is there, and what came or went by which hand: by `dataset md5`. */
  const bornAt = new Map<string, number>()
  const clouded = new Map<string, number>()
  const added = new Map<string, number>()
  const removed = new Map<string, number>()
  const downloads = new Set<string>()
  /** What the network itself brought a second time: nobody can tell it from an addition of somebody. */
  const redelivered = new Set<string>()
  const seen = new WeakSet<object>()
  /** Requests that added something: one that was refused at first may do so when the network brings it again. */
  const effective = new WeakSet<object>()
  let there = new Map<string, string>()
  let crashed = false
  note('admin')

  /** What happened since the last look; `by` whose hand what is new came. */
  function note(by: 'run' | 'admin' | 'first' | 'again' = 'run', counts = by === 'first'): void {
    const { runs: all, data } = sandbox.inspect()
    const now = world.elapsed()
    for (const { run_id: id, status } of all) {
      const over = status === 'completed' || status === 'failed'
      const run = runs.get(id) ?? {
        ...{ id, n: runs.size, place: 'everything', force: false, startedAt: now, endedAt: undefined },
        forgotten: false,
      }
      if (over) run.endedAt ??= now
      runs.set(id, run)
    }
    const listed = new Set(all.map(({ run_id }) => run_id))
    for (const run of runs.values()) {
      if (listed.has(run.id)) continue
      run.forgotten = true
      run.endedAt ??= now
    }
    const after = new Map(data.map(one => [one.id, `${one.dataset} ${one.md5}`]))
    for (const [id, key] of after) {
      if (there.has(id)) continue
      bornAt.set(id, now)
      if (by === 'run') downloads.add(id)
      if (by === 'again') redelivered.add(id)
      if (counts) added.set(key, (added.get(key) ?? 0) + 1)
    }
    for (const [id, key] of there) if (!after.has(id)) removed.set(key, (removed.get(key) ?? 0) + 1)
    there = after
    for (const id of datasets)
      for (const md5 of admin.cloud(id)) if (!clouded.has(`${id} ${md5}`)) clouded.set(`${id} ${md5}`, now)
  }

  const tick = () => {
    sandbox.tick()
    note()
  }

  function happen([what, which, how]: Dice): void {
    const id = datasets[Math.floor(which * datasets.length)]!
    const some = datasets.filter((_, n) => n === 0 || how < 0.5)
    const events: readonly (readonly [share: number, work: () => void])[] = [
      [0.22, () => void admin.addData(id, `other ${++made}`, fresh())],
      [0.06, () => admin.removeData([...there.keys()][Math.floor(how * there.size)] ?? '')],
      [0.15, () => admin.addToCloud(id, `cloud ${++made}`, fresh())],
      [0.2, () => startRun(some)],
      [0.14, () => sandbox.set({ cloudDown: how < 0.6 })],
      [0.08, () => admin.failUploads(1 + Math.floor(how * 2))],
      [0.04, () => crashRun()],
      [0.06, () => admin.setProgress(Math.floor(how * 100))],
      [0.05, () => sandbox.set({ shape: pick(() => how, ['flat', 'map', 'broken'] as const) })],
    ]
    let left = what
    for (const [share, work] of events) {
      left -= share
      if (left > 0) continue
      tick()
      work()
      note('admin')
      return
    }
  }

  /** Another client asks for one; it may be refused as ours are. */
  function startRun(some: readonly string[]): void {
    try {
      admin.startRun(user, some)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
    }
  }

  function crashRun(): void {
    crashed = true
    admin.crashRun()
  }

  /** What a run should have brought to the cloud before the device said that all is there. */
  function lacking(datasets: readonly string[], until: number, before: number): boolean {
    const meant = [...there].filter(([id, key]) => datasets.includes(key.split(' ')[0]!) && bornAt.get(id)! < until)
    return meant.some(([, key]) => (clouded.get(key) ?? Number.POSITIVE_INFINITY) > before)
  }

  function lie(
    { report, job, asked, cancel, request }: JobSeen,
    of: Run | undefined,
    ended: number,
  ): string | undefined {
    const { state } = report
    const meant = 'scope' in request ? datasets : (request.datasets as readonly string[])
    if (job === undefined) {
      if (state === 'failed' || state === 'vanished' || (state === 'cancelled' && cancel)) return undefined
      // Asked for, and then it was seen that nothing is left to do, or that nothing can be seen.
      if (asked === undefined) return 'never asked for'
      if (!seesCloud) return state === 'finished-unverified' && asked.times >= 5 ? undefined : 'not to be seen'
      if (state === 'done') return lacking(meant, ended - 30_000, ended) ? 'not all in the cloud' : undefined
      // Of a dataset that never was there, nothing can be compared.
      const seen = meant.every(id => datasets.includes(id)) ? 'partial' : 'finished-unverified'
      return state === seen && asked.times >= 5 ? undefined : 'nothing'
    }
    const run = runs.get(of?.id ?? '')
    if (run === undefined) return 'no run at all'
    if (run.endedAt === undefined || run.endedAt > ended) return 'still under way'
    if (state === 'finished-unverified') return seesCloud ? 'to be seen in the cloud' : undefined
    if (!seesCloud) return 'not to be seen'
    if (state === 'done') return lacking(meant, run.endedAt, ended) ? 'not all in the cloud' : undefined
    return state === 'partial' ? undefined : 'over'
  }

  return {
    kind: 'cognee',
    content: n => known(`from here ${n}`),
    items,
    drops,
    places: () => datasets,
    async fetch(request) {
      if (request.headers.get('x-api-key') !== CLOUD_KEY) return sandbox.fetch(request)
      const headers = new Headers(request.headers)
      headers.set('x-api-key', cloudKey)
      return sandbox.fetch(new Request(request, { headers }))
    },
    renewToken(old, next) {
      admin.revoke(old)
      admin.addToken(user, next)
    },
    tick,
    calm() {
      sandbox.set({ cloudDown: false, rateLimit: null })
      admin.failUploads(0)
      // What stands still for ever is put right by an operator.
      if (crashed) admin.forgetRuns()
      note()
    },
    happen,
    request([which, how, odd]) {
      if (odd < 0.03) return { datasets: ['00000000-0000-4000-8000-000000000000'] }
      if (how < 0.2) return { scope: 'all' }
      const one = datasets[Math.floor(which * datasets.length)]!
      return { datasets: how < 0.6 ? [one] : [...datasets] }
    },
    runs: () => [...runs.values()],
    placeOf: () => 'everything',
    starts: ({ method, url }) => method === 'POST' && url.pathname === `${ROOT}/sync`,
    cancels: () => undefined,
    looks: ({ method, url }) => method === 'GET' && url.pathname === `${ROOT}/datasets`,
    concerns: ({ url }) => url.pathname.startsWith(`${ROOT}/sync`),
    arrives(sending) {
      tick()
      // Reading changes nothing beyond what time alone brings about.
      if (sending.method === 'GET') return () => undefined
      const again = seen.has(sending)
      seen.add(sending)
      const before = there
      return () => {
        note(again ? 'again' : 'first', !effective.has(sending))
        if ([...there.keys()].some(id => !before.has(id))) effective.add(sending)
        for (const [id, key] of before) {
          const [place, md5] = key.split(' ') as [string, string]
          if (there.has(id)) continue
          if (!drops.some(one => one.by === sending.machine && one.place === place && one.sha256 === shaOf.get(md5)))
            world.fail('I10', `${sending.machine} deletes document ${id}, which nobody there deleted`)
        }
      }
    },
    lie,
    /** What is over when it is looked for leaves no trace: it is asked for again, and moves nothing. */
    strayed: (run, _, jobs) =>
      run.forgotten ||
      jobs.some(({ job, asked }) => asked !== undefined && (job === undefined || (runs.get(job)?.n ?? -1) > run.n)),
    expected() {
      const { data } = sandbox.inspect()
      return {
        datasets: new Map(datasets.map((id, n) => [id, `dataset ${n}`])),
        documents: new Map(data.map(({ id, dataset, name, md5 }) => [id, `${dataset} ${name} ${shaOf.get(md5)}`])),
      }
    },
    told: (collection, { value }: Stored) =>
      collection === 'datasets' ? String(value?.name) : `${value?.dataset} ${value?.name} ${value?.sha256}`,
    keeps: () => false,
    misplaced(wiped, held) {
      const wrong: { invariant: string; message: string }[] = []
      for (const { text, place, by, at, acked } of items) {
        const [md5, sha256] = [hash('md5', text), hash('sha256', text)]
        const key = `${place} ${md5}`
        const times = added.get(key) ?? 0
        const gone = removed.get(key) ?? 0
        const dropped = drops.some(one => one.place === place && one.sha256 === sha256)
        if (times > 1 + gone) wrong.push({ invariant: 'I4', message: `"${text}" of ${by} was added ${times} times` })
        if (!acked || dropped || held.has(sha256) || wiped(by, at)) continue
        if (times === 0) wrong.push({ invariant: 'I1', message: `"${text}" of ${by} was never added` })
        else if (gone === 0 && ![...there.values()].includes(key))
          wrong.push({ invariant: 'I1', message: `"${text}" of ${by} is gone` })
      }
      for (const { sha256, twice, place, by, at, acked } of drops) {
        if (!acked || wiped(by, at) || held.has(sha256)) continue
        for (const [id, key] of there) {
          // Whose answer was lost adds it again, and cannot know that somebody has deleted it since; who had both in sight
          // deleted one.
          const own = items.some(one => one.by === by && hash('sha256', one.text) === sha256)
          if ((added.get(key) ?? 0) > 1 && (!own || twice)) continue
          const [at, md5] = key.split(' ') as [string, string]
          if (at === place && shaOf.get(md5) === sha256 && !downloads.has(id) && !redelivered.has(id))
            wrong.push({ invariant: 'I1', message: `${by} deleted ${id}, and it is still there` })
        }
      }
      return wrong
    },
  }
}
