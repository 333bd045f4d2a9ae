import { globSync, readFileSync } from 'node:fs'

const block = 32_768
const head = 7

/**
 * Whether a log of the profile's IndexedDB ends in the middle of a record, judged as LevelDB does: records of a head
 * (checksum 4, length 2, type 1) and a body, none across the end of a block.
 */
export function isTorn(profile: string): boolean {
  return globSync(`${profile}/Default/IndexedDB/*/*.log`).some(path => endsTorn(readFileSync(path)))
}

function endsTorn(log: Buffer): boolean {
  for (let at = 0; at < log.length; ) {
    const left = block - (at % block)
    if (left < head) {
      at += left
      continue
    }
    if (at + head > log.length) return true
    const next = at + head + log.readUInt16LE(at + 4)
    if (next > log.length) return true
    at = next
  }
  return false
}
