import type { World } from './world.ts'

/** A UUID (version 4) from the world's dice. */
export function uuid({ random }: Pick<World, 'random'>): string {
  const hex = Array.from({ length: 32 }, (_, at) => {
    if (at === 12) return '4'
    const digit = Math.floor(random() * 16)
    return (at === 16 ? (digit & 3) | 8 : digit).toString(16)
  }).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
