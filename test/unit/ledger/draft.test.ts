import { expect, test } from 'vitest'
import { deviceOf, mustAgree } from '../engine/device.ts'
import { fakeOf } from '../engine/kit.ts'

test('a change that would go without a word fails its transaction, and is open still (I1)', async () => {
  const device = await deviceOf(fakeOf())
  await device.put('a', { n: 1 })
  const before = await device.rows()
  const losing = device.write(async draft => {
    const entry = await draft.get('notes', 'a')
    entry.rows = []
    entry.value = { n: 2 }
  })
  await expect(losing).rejects.toMatchObject({ code: 'bug', details: { change: before[0]!.change } })
  expect([await device.rows(), await device.value('a')]).toEqual([before, { n: 1 }])
  await mustAgree(device)
})
