/** Names of entries: which are the same, and what a conflicted copy is called (section 4 of the API page). Pure. */
import type { Device } from '../../model.ts'
import { wellFormed } from '../shared/shape.ts'
import { parts } from '../shared/time.ts'

const MOST_BYTES = 255
const MOST_COPIES = 10

/** Names that differ in case or composition only cannot be siblings: some clients could not hold both. */
export function sameName(one: string, other: string): boolean {
  return one === other || fold(one) === fold(other)
}

/** Many names are compared with many. */
const folded = new Map<string, string>()
const MOST_FOLDED = 10_000

function fold(name: string): string {
  const known = folded.get(name)
  if (known !== undefined) return known
  if (folded.size >= MOST_FOLDED) folded.clear()
  const key = name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
  folded.set(name, key)
  return key
}

/** Why an entry cannot be called that; `undefined` when it can. */
export function nameFault(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'a name must not be empty, "." or ".."'
  if (name.includes('/') || name.includes('\0')) return 'a name must not contain "/" or NUL'
  if (!wellFormed(name)) return 'a name must be well-formed Unicode'
  return bytesIn(name) > MOST_BYTES ? 'a name must fit in 255 bytes of UTF-8' : undefined
}

/**
 * `report (conflicted copy Laptop 2026-05-02 080100).txt`; taken: ` 2`, ` 3`, ... after the bracket. `undefined` when
 * the original has ten copies already.
 */
export function copyName(
  original: { readonly name: string; readonly folder: boolean; readonly at: number },
  siblings: readonly string[],
  device: Device,
): string | undefined {
  const { stem, ext } = split(original)
  const bracket = ` (conflicted copy ${label(device)} ${stamp(original.at)})`
  const copies = siblings.filter(name => isCopy(name, stem, ext))
  if (copies.length >= MOST_COPIES) return undefined
  for (let n = 1; ; n++) {
    const tail = `${bracket}${n === 1 ? '' : ` ${n}`}${ext}`
    const name = `${fitted(stem, tail)}${tail}`
    if (!siblings.some(taken => sameName(taken, name))) return name
  }
}

/** The stem of a copy is its original's, cut where the name would have been too long. */
function isCopy(name: string, stem: string, ext: string): boolean {
  const at = name.lastIndexOf(' (conflicted copy ')
  if (at < 0 || !name.endsWith(ext)) return false
  const own = name.slice(0, at)
  return own === stem || (stem.startsWith(own) && bytesIn(name) > MOST_BYTES - 4)
}

function split({ name, folder }: { readonly name: string; readonly folder: boolean }) {
  const dot = name.lastIndexOf('.')
  return folder || dot <= 0 ? { stem: name, ext: '' } : { stem: name.slice(0, dot), ext: name.slice(dot) }
}

function label({ name, id }: Device): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go.
  const kept = [...name.replace(/[/\\:*?"<>|\u0000-\u001f\u007f-\u009f]/g, '')].slice(0, 40).join('').trim()
  return kept || id.slice(0, 8)
}

function stamp(ms: number): string {
  const { year, month, day, hour, minute, second } = parts(ms)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)} ${two(hour)}${two(minute)}${two(second)}`
}

/** As much of the stem, cut on a code point, as leaves room for the tail. */
function fitted(stem: string, tail: string): string {
  const points = [...stem]
  while (points.length > 1 && bytesIn(points.join('') + tail) > MOST_BYTES) points.pop()
  return points.join('')
}

const bytesIn = (text: string): number => new TextEncoder().encode(text).length
