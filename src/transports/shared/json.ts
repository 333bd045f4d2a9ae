/** JSON from strangers and to them: bounded before it is parsed, and integers that a number cannot hold are bigint. */
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'

export interface Limits {
  readonly depth?: number
  readonly keys?: number
}

/**
 * Throws `truncated` where the text ends in the middle, `protocol` where it is no JSON or beyond the limits. Keys such
 * as `__proto__` become own members and are harmless as long as members are read with `member` (`shape.ts`).
 */
export function parseJson(text: string, limits: Limits = {}): Json {
  const big = scan(text, limits)
  try {
    return big.length === 0 ? JSON.parse(text) : parseWithBigints(text, big)
  } catch (cause) {
    throw new SyncError('protocol', 'The answer is not valid JSON. If this goes on, tell the API owner.', { cause })
  }
}

type Span = readonly [from: number, to: number]

const QUOTE = 34
const BACKSLASH = 92

/** Counts before anything recurses, and finds the integers beyond 2^53. */
function scan(text: string, { depth: deepest = 64, keys: most = 500_000 }: Limits): Span[] {
  const big: Span[] = []
  let depth = 0
  let keys = 0
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(text, at)
    } else if (code === 123 || code === 91) {
      depth += 1
      if (depth > deepest) throw beyond(`is nested deeper than ${deepest} levels`)
    } else if (code === 125 || code === 93) {
      depth -= 1
    } else if (code === 58) {
      keys += 1
      if (keys > most) throw beyond(`has more than ${most} keys`)
    } else if (code === 45 || (code >= 48 && code <= 57)) {
      const to = endOfNumber(text, at)
      if (judgeNumber(text.slice(at, to))) big.push([at, to])
      at = to - 1
    }
    at += 1
  }
  if (depth > 0) throw cutOff()
  return big
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    if (code === BACKSLASH) at += 1
  }
  throw cutOff()
}

function endOfNumber(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && '0123456789+-.eE'.includes(text.charAt(at))) at += 1
  return at
}

/** Whether it must become a bigint. */
function judgeNumber(token: string): boolean {
  if (token.length < 16 && !/[eE]/.test(token)) return false
  const value = Number(token)
  if (Number.isNaN(value)) return false // JSON.parse will say so
  if (!Number.isFinite(value)) throw beyond('has a number that is too large')
  return /^-?(0|[1-9]\d*)$/.test(token) && !Number.isSafeInteger(value)
}

/** Engines that pass the source text to a reviver could do without this; rewriting works in all of them. */
function parseWithBigints(text: string, spans: readonly Span[]): Json {
  let mark = '\\u0000bigint'
  while (text.includes(mark)) mark += '_'
  let rewritten = ''
  let done = 0
  for (const [from, to] of spans) {
    rewritten += `${text.slice(done, from)}"${mark}${text.slice(from, to)}"`
    done = to
  }
  const parsedMark: string = JSON.parse(`"${mark}"`)
  return JSON.parse(rewritten + text.slice(done), (_, value: unknown) =>
    typeof value === 'string' && value.startsWith(parsedMark) ? BigInt(value.slice(parsedMark.length)) : value,
  )
}

function beyond(what: string): SyncError {
  return new SyncError('protocol', `The answer ${what}: it was not read. If this goes on, tell the API owner.`)
}

function cutOff(): SyncError {
  return new SyncError('truncated', 'The answer ended in the middle. It will be asked for again.')
}

/** A bigint is written as the integer that it is. `undefined` members are left out, as JSON.stringify does. */
export function writeJson(value: unknown): string {
  let found = false
  const plain = JSON.stringify(value, (_, it) => {
    if (typeof it !== 'bigint') return it
    found = true
    return null
  })
  if (!found) return plain
  let mark = 'bigint:'
  while (plain.includes(mark)) mark += ':'
  const marked = JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? `${mark}${it}` : it))
  return marked.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1')
}
