/**
 * What can go wrong. Swarm: each family is off in half of the seeds and else has a rate of its own, because some bugs
 * only show where a fault is absent. A decision depends on its name, not on how many were taken before it.
 */
import type { StoreKind } from './plan.ts'
import type { World } from './world.ts'

/** The greatest rate of each family. */
export const families = {
  // between device and server
  drop: 0.3,
  hang: 0.1,
  lost: 0.3,
  twice: 0.3,
  late: 0.15,
  fail: 0.3,
  failAfter: 0.15,
  throttle: 0.15,
  cut: 0.05,
  html: 0.05,
  slow: 0.2,
  offline: 0.5,
  frameLost: 1,
  frameTwice: 0.3,
  halfOpen: 0.3,
  // in the device
  crash: 0.004,
  power: 0.001,
  freeze: 0.002,
  quota: 0.03,
  quiet: 0.5,
  jump: 0.3,
  skew: 1,
  // at the server
  compact: 0.3,
  forceSync: 0.3,
  deviceGone: 0.2,
  poison: 0.1,
  wipe: 0.15,
  token: 0.2,
} as const
export type Family = keyof typeof families
export const familyNames = Object.keys(families) as Family[]

/** Faults of one store only: IndexedDB says nothing of commits itself, its driver does, through a channel that delivers. */
const onlyIn: { readonly [family in Family]?: StoreKind } = { quiet: 'memory' }

export const canHappen = (family: Family, store: StoreKind): boolean => (onlyIn[family] ?? store) === store

export interface Faults {
  on: boolean
  readonly rates: { readonly [family in Family]: number }
  readonly counts: { [family in Family]: number }
  /** Decides, and counts what happened. */
  readonly happens: (family: Family, ...name: readonly (string | number)[]) => boolean
}

export function faultsOf(world: World, rates: { readonly [family in Family]: number }): Faults {
  const faults: Faults = {
    on: true,
    rates,
    counts: Object.fromEntries(familyNames.map(name => [name, 0])) as { [family in Family]: number },
    happens(family, ...name) {
      const rate = faults.on ? rates[family] : 0
      if (rate === 0 || world.dice(family, ...name) >= rate) return false
      faults.counts[family]++
      return true
    },
  }
  return faults
}

export const noRates = Object.fromEntries(familyNames.map(name => [name, 0])) as { [family in Family]: number }
