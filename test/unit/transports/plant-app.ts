/** Apps on a Cognite project in the sandbox: real engines and stores, one clock that the test moves. */
import { open } from '../../../src/client/open.ts'
import type { Db } from '../../../src/client/types.ts'
import type { Strategy } from '../../../src/model.ts'
import type { Turn } from '../../../src/sandbox/cognite/knobs.ts'
import { cogniteSandbox } from '../../../src/sandbox/cognite/sandbox.ts'
import { type Collection, collection, defineSchema } from '../../../src/schema.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import type { Transport } from '../../../src/transport.ts'
import { turns, worldOf } from '../engine/kit.ts'

export interface AppOptions {
  readonly rule?: Strategy
  readonly source: string
  readonly transport: (token: () => string) => Transport
}

export function projectOf(knobs: Turn = {}) {
  const world = worldOf(Date.parse('2026-05-02T08:00:00Z'))
  const clock = world.tab().platform
  const server = cogniteSandbox({
    world: { now: world.now, sleep: ms => clock.sleep(ms), random: () => 0.5 },
    project: 'p',
    knobs,
  })
  server.admin.addToken('ada')
  const opened: Db[] = []

  /** Lets time pass until everything that it sets off has come to rest. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await world.pass(Math.min(1_000, left))
      await turns(20)
    }
  }

  return {
    world,
    server,
    admin: server.admin,
    pass,
    async app<Row extends object>({ rule, source, transport }: AppOptions) {
      let token = 'ada'
      const { platform } = world.tab()
      const rows = collection<Row>()({ remote: 'plant', source, ...(rule !== undefined && { conflicts: rule }) })
      const store = memory('m', { disk: memoryDisk(world.uuid()) })
      const db = (await open({
        store,
        schema: defineSchema({ version: 1, collections: { rows } }),
        remotes: { plant: transport(() => token) },
        platform: { ...platform, fetch: request => server.fetch(request) },
      })) as unknown as Db<{ rows: Collection<Row> }, { plant: Transport }>
      opened.push(db as unknown as Db)
      return {
        db,
        rows: db.data.rows,
        status: () => db.remotes.plant.status.get(),
        useToken(other: string) {
          token = other
        },
        async sync() {
          db.remotes.plant.sync()
          await pass(1_000)
        },
        async all(): Promise<Record<string, Row>> {
          return Object.fromEntries((await db.data.rows.list()).map(({ id, value }) => [id, value as Row]))
        },
      }
    },
    async close() {
      for (const db of opened.splice(0)) await db.close()
    },
  }
}
