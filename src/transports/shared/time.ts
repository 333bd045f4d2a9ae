/** Times on the wire and back, as arithmetic: a transport reads no clock and needs no calendar object. */

const DAY = 86_400_000

/** Milliseconds since 1970 as RFC 3339 in UTC: `2026-05-02T08:00:00.000Z`. */
export function isoTime(ms: number): string {
  const { year, month, day, hour, minute, second, rest } = parts(ms)
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}.${pad(rest, 3)}Z`
}

/** Whether `isoTime` can say it: a finite time in the years 0 to 9999. */
export function writable(ms: number): boolean {
  return Number.isInteger(ms) && ms >= -62_167_219_200_000 && ms <= 253_402_300_799_999
}

export function parts(ms: number) {
  const days = Math.floor(ms / DAY)
  const time = Math.floor(ms - days * DAY)
  return {
    ...civil(days),
    hour: Math.floor(time / 3_600_000),
    minute: Math.floor(time / 60_000) % 60,
    second: Math.floor(time / 1000) % 60,
    rest: time % 1000,
  }
}

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))?$/

/** RFC 3339 to milliseconds since 1970; a time without a zone is UTC. `undefined`: no such time. */
export function parseTime(text: string): number | undefined {
  const match = RFC_3339.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign, zoneHour, zoneMinute] = match
  const utc = instant(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second))
  if (utc === undefined) return undefined
  const zone = sign === undefined ? 0 : (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000
  return utc + Number(fraction.padEnd(3, '0').slice(0, 3)) - (sign === '-' ? -zone : zone)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const HTTP_DATE = /^[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/

/** `Sat, 02 May 2026 08:00:00 GMT` (RFC 9110) to milliseconds since 1970. */
export function parseHttpDate(text: string): number | undefined {
  const match = HTTP_DATE.exec(text.trim())
  if (!match) return undefined
  const [, day, month = '', year, hour, minute, second] = match
  return instant(Number(year), MONTHS.indexOf(month) + 1, Number(day), Number(hour), Number(minute), Number(second))
}

function instant(year: number, month: number, day: number, hour: number, minute: number, second: number) {
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined
  const days = daysSince1970(year, month, day)
  if (civil(days).day !== day) return undefined // the 31st of a shorter month
  return days * DAY + hour * 3_600_000 + minute * 60_000 + second * 1000
}

// Both ways by eras of 400 years (Howard Hinnant, "chrono-compatible low-level date algorithms").
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

function civil(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153)
  const month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

const pad = (n: number, width = 2): string => String(n).padStart(width, '0')
