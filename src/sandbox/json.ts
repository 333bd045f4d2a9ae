/** JSON as servers that know 64-bit integers write it: what a number cannot hold is a bigint, both ways. */

export type Plain = null | boolean | number | bigint | string | readonly Plain[] | { readonly [key: string]: Plain }

/** Throws SyntaxError, as JSON.parse does. */
export function parseJson(text: string): Plain {
  return (JSON.parse as Parse)(text, (_, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
    return /^-?\d+$/.test(context?.source ?? '') ? BigInt(context!.source!) : value
  }) as Plain
}

export function writeJson(value: unknown): string {
  return JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? (JSON as unknown as Raw).rawJSON(String(it)) : it))
}

// The source text of a number and raw JSON are in Node since 21, and not yet in the types.
type Parse = (text: string, revive: (key: string, value: unknown, context?: { source?: string }) => unknown) => unknown
type Raw = { readonly rawJSON: (text: string) => unknown }
