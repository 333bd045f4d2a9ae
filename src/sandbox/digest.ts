import { createHash } from 'node:crypto'
import type { Digest } from './world.ts'

export const sha256: Digest = bytes => createHash('sha256').update(bytes).digest('hex')

export const md5: Digest = bytes => createHash('md5').update(bytes).digest('hex')
