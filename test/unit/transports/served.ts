/** An app over a sandbox, in a world whose clock the test moves: the same clock for both. */
import { open } from '../../../src/client/open.ts'
import type { Db, Fits, Remotes } from '../../../src/client/types.ts'
import type { Platform } from '../../../src/platform.ts'
import { type Collections, defineSchema, type Schema } from '../../../src/schema.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { type Tab, type World, worldOf } from '../engine/kit.ts'

export interface Sandboxed {
  readonly fetch: (request: Request) => Promise<Response>
  tick(): void
}

const opened = new Set<() => Promise<void>>()

export async function closeAll(): Promise<void> {
  for (const close of opened) await close()
  opened.clear()
}

/** The world as the sandboxes take it. */
export function sandboxWorld(world: World) {
  const far = world.tab().platform
  let state = 11
  return {
    now: world.now,
    sleep: (ms: number) => far.sleep(ms),
    random() {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    },
  }
}

/** Beats for the sandbox, so that its streams flow. */
export async function ticking(world: World, sandbox: Sandboxed, end: AbortSignal): Promise<void> {
  const far = world.tab().platform
  while (!end.aborted) {
    sandbox.tick()
    await far.sleep(500, end).catch(() => {}) // ended: the loop sees it
  }
}

export function deviceOf<const C extends Collections, const R extends Remotes>(
  world: World,
  sandbox: Sandboxed,
  collections: C,
  remotes: R,
  disk = memoryDisk(world.uuid()),
) {
  const requests: { readonly at: number; readonly method: string; readonly path: string }[] = []
  /** `ahead`: how much its clock is, in milliseconds. */
  const state = { offline: false, ahead: 0 }
  const fetch: Platform['fetch'] = async request => {
    if (state.offline) throw new TypeError('fetch failed')
    const { pathname } = new URL(request.url)
    requests.push({ at: world.now(), method: request.method, path: pathname })
    return sandbox.fetch(request)
  }
  async function start(): Promise<{ readonly db: Db<C, R>; readonly tab: Tab }> {
    const tab = world.tab()
    const schema = defineSchema({ version: 1, collections }) as Schema<C> & NoInfer<Fits<C, R>>
    const platform = { ...tab.platform, fetch, now: () => tab.platform.now() + state.ahead }
    const db = await open({ store: memory('m', { disk }), schema, remotes, platform })
    const { life } = disk.contents
    opened.add(async () => {
      if (!life.over) await db.close()
    })
    await world.pass(1_000)
    return { db, tab }
  }
  return { disk, state, requests, start }
}

export function worldWith<S extends Sandboxed>(make: (world: ReturnType<typeof sandboxWorld>) => S) {
  const world = worldOf(Date.parse('2026-05-02T08:00:00Z'))
  const sandbox = make(sandboxWorld(world))
  const end = new AbortController()
  opened.add(async () => end.abort())
  void ticking(world, sandbox, end.signal)
  return { world, sandbox }
}
