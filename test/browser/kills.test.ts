/** F1, F2, I1, I6: whatever dies in mid-write, what was acknowledged to somebody outside is still there. */
import { expect, test } from 'vitest'
import { kills } from './kills.ts'

test('twelve SIGKILLs of the whole browser in mid-write lose nothing that was acknowledged (I1, I6, F2)', async () => {
  const killings = Array.from({ length: 12 }, () => 'browser' as const)
  const toll = await kills({ killings, random: Math.random })
  console.log(toll)
  expect(toll.kills.browser).toBe(12)
}, 600_000)

test('a crash of the page and a tab closed in mid-write lose nothing that was acknowledged (I1, I6, F1)', async () => {
  const killings = ['renderer', 'tab', 'renderer', 'tab', 'renderer', 'tab'] as const
  const toll = await kills({ killings, random: Math.random })
  expect(toll.kills).toEqual({ browser: 0, renderer: 3, tab: 3 })
}, 600_000)
