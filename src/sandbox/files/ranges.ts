/** `from`–`to` inclusive, open at the end when `to` is missing, or the `last` so many bytes. */
export type Range = { readonly from?: number; readonly to?: number; readonly last?: number }

/** The header wins over the query. A malformed header, or one with several ranges, counts as none (RFC 9110). */
export function rangeAsked(header: string | undefined, start: number | undefined, end: number | undefined) {
  const asked = header === undefined ? undefined : parsed(header)
  if (asked || header !== undefined) return asked
  if (start === undefined && end === undefined) return undefined
  return { from: start ?? 0, ...(end !== undefined && { to: end }) }
}

function parsed(header: string): Range | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim())
  const [, first = '', last = ''] = match ?? []
  if (!match || (first === '' && last === '')) return undefined
  if (first === '') return { last: Number(last) }
  return { from: Number(first), ...(last !== '' && { to: Number(last) }) }
}
