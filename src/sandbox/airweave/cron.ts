/** The next time of a cron expression after `from`, in UTC: five fields of numbers, lists, ranges, `*` and steps. */
export function nextRun(cron: string, from: number): number | undefined {
  const fields = parse(cron)
  if (!fields) return undefined
  const minute = 60_000
  // A year of minutes at most: an expression that never comes true has no next time.
  for (let at = Math.floor(from / minute) * minute + minute, left = 366 * 24 * 60; left > 0; at += minute, left--) {
    const date = new Date(at)
    const now = [date.getUTCMinutes(), date.getUTCHours(), date.getUTCDate(), date.getUTCMonth() + 1, date.getUTCDay()]
    if (now.every((value, index) => fields[index]!.has(value))) return at
  }
  return undefined
}

/** Runs more often than once an hour. */
export function subHourly(cron: string): boolean {
  const minutes = parse(cron)?.[0]
  return minutes !== undefined && minutes.size > 1
}

const RANGES = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const

function parse(cron: string): Set<number>[] | undefined {
  const texts = cron.trim().split(/\s+/)
  if (texts.length !== 5) return undefined
  const fields = texts.map((text, at) => field(text, RANGES[at]!))
  return fields.every(one => one !== undefined) ? (fields as Set<number>[]) : undefined
}

function field(text: string, [low, high]: readonly [number, number]): Set<number> | undefined {
  const found = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part)
    if (!match) return undefined
    const [, first, last, step] = match
    const from = first === undefined ? low : Number(first)
    const to = first === undefined || (step !== undefined && last === undefined) ? high : Number(last ?? first)
    if (from < low || to > high || Number(step ?? 1) < 1) return undefined
    for (let value = from; value <= to; value += Number(step ?? 1)) found.add(value)
  }
  return found
}
