/** A file larger than all that a device may hold goes up and comes down (I24). `npm run soak` does it with 1 GiB. */
import { afterAll, expect, test } from 'vitest'
import { killAll } from './devices.ts'
import { large, mustBeBounded } from './large.ts'

const size = 64 * 1024 * 1024 + 5
afterAll(killAll)

test('64 MiB go up and down through processes that are killed half-way and hold a few pieces of it at a time (I24, I28)', async () => {
  const { up, down } = await large(size, 240_000)
  console.log({ up, down })
  mustBeBounded(up)
  mustBeBounded(down)
  expect([up.size, down.size]).toEqual([size, size])
}, 600_000)
