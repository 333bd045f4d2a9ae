/** What the judge of Cognee counts as an addition. */
import { expect, test } from 'vitest'
import type { Sending } from './network.ts'
import { cogneeWork } from './work/cognee.ts'
import { worldOf } from './world.ts'

function scene() {
  const work = cogneeWork(worldOf('1'), '1', 'a-token')
  const [place] = work.places()
  const text = work.content(1)
  work.items.push({ text, place: place!, by: 'd1', at: 0, acked: true })
  const sending = { method: 'POST', machine: 'd1' } as unknown as Sending
  async function arrive(refused: boolean): Promise<void> {
    const done = work.arrives(sending)
    const body = new FormData()
    body.set('datasetId', place!)
    body.set('data', new File([text], 'mine.txt', { type: 'text/plain' }))
    const headers = { authorization: 'Bearer a-token' }
    if (!refused)
      expect(
        (await work.fetch(new Request('https://work.test/api/v1/add', { method: 'POST', headers, body }))).ok,
      ).toBe(true)
    done()
  }
  return { arrive, wrong: () => work.misplaced(() => false, new Set()).map(({ invariant }) => invariant) }
}

test('what was refused, and taken when the network brought it again, was added once (I1, I4)', async () => {
  const { arrive, wrong } = scene()
  await arrive(true)
  expect(wrong()).toEqual(['I1'])
  await arrive(false)
  await arrive(false)
  expect(wrong()).toEqual([])
})
