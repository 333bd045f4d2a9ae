/** What every way of running the engine must do, over the real sandbox and a real network. */
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { behaviours } from './client/behaviours.ts'
import { type Remote, remote } from './client/remote.ts'
import { type Open, type Scene, scene } from './client/scene.ts'

export interface Mode {
  readonly open: Open
  /** Where a new behaviour has its stores. */
  place(): string
}

export function clientSuite(name: string, mode: Mode): void {
  describe(`the client ${name}`, () => {
    let far: Remote
    let played: Scene | undefined
    beforeAll(async () => {
      far = await remote()
    })
    afterEach(() => played?.end())
    afterAll(() => far.close())

    test.each(Object.entries(behaviours))('%s', { timeout: 120_000 }, async (_, behaviour) => {
      played = await scene(far.control, mode.open, mode.place())
      await behaviour(played)
    })
  })
}
