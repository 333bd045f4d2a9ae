import { createHash } from 'node:crypto'
import { stream } from './bytes.ts'

/** Of a synthetic body. */
export function sha256Of(seed: number, size: number): string {
  const hash = createHash('sha256')
  for (const piece of stream(seed, size)) hash.update(piece)
  return hash.digest('hex')
}
