import { expect, test } from 'vitest'
import { serverClock } from '../../../src/client/clock.ts'

function deviceWith(skew: number) {
  const time = { steady: 0, skew }
  const clock = serverClock({ now: () => 1_780_000_000_000 + time.steady + time.skew, monotonic: () => time.steady })
  const truth = () => 1_780_000_000_000 + time.steady
  return { time, clock, hear: () => clock.heard(truth()), error: () => clock.now() - truth() }
}

const day = 86_400_000

test('a wrong clock is corrected by what servers say, and one wrong word of theirs changes nothing (F41)', () => {
  const { clock, hear, error, time } = deviceWith(3 * day)
  expect([clock.sure(), clock.uncertainty()]).toEqual([false, 60_000])
  for (let n = 0; n < 3; n++) {
    time.steady += 1_000
    hear()
  }
  expect([clock.sure(), error()]).toEqual([true, 0])
  clock.heard(0)
  expect(error()).toBe(0)
})

test('what servers said before the clock was set is about another clock: nothing is sure until they say it again (F41)', () => {
  const { clock, hear, error, time } = deviceWith(0)
  for (let n = 0; n < 5; n++) hear()
  time.steady += 10_000
  time.skew += 34 * day
  expect([clock.sure(), clock.uncertainty()]).toEqual([false, 60_000])
  hear()
  expect([clock.sure(), error()]).toEqual([true, 0])
})
