import { describe, expectTypeOf, test } from 'vitest'
import type { Db, Job, Jobs, Transport } from '../../src/index.ts'

type Ask = { readonly connection: string; readonly force?: boolean }
interface Search extends Transport {
  readonly jobs: Jobs<Ask>
}
type Both = Db<Record<never, never>, { search: Search; drive: Transport }>

describe('a remote', () => {
  test('that works on jobs can be asked to run what its transport says, others cannot', () => {
    expectTypeOf<Parameters<Both['remotes']['search']['run']>>().toEqualTypeOf<[Ask]>()
    expectTypeOf<ReturnType<Both['remotes']['search']['run']>>().toEqualTypeOf<Promise<Job>>()
    expectTypeOf<Both['remotes']['search']>().toHaveProperty('jobs')
    expectTypeOf<Both['remotes']['drive']>().not.toHaveProperty('run')
    expectTypeOf<Both['remotes']['drive']>().not.toHaveProperty('jobs')
  })
})
