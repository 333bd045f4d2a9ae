/** Seeded dice. A stream per concern, so that switching one fault off does not reshuffle the others. */
export type Random = () => number

/** sfc32: small, fast, and the same everywhere. */
export function randomOf(seed: string): Random {
  let a = hash(seed, 0x9e3779b9)
  let b = hash(seed, 0x243f6a88)
  let c = hash(seed, 0xb7e15162)
  let d = 1
  const next = () => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 4294967296
  }
  for (let n = 0; n < 12; n++) next()
  return next
}

/** One throw that depends on its name only: removing an operation leaves the fate of all others as it was. */
export function dice(name: string): number {
  return hash(name, 0x85ebca6b) / 4294967296
}

export function hash(text: string, start: number): number {
  let h = start
  for (let n = 0; n < text.length; n++) h = Math.imul(h ^ text.charCodeAt(n), 0x01000193)
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!
export const between = (random: Random, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1))
