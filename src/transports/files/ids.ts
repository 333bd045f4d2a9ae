/** Ids that this side mints. All are made from a change's id, so that sending a change again names the same thing. */

export type Kind = 'file' | 'folder'

const FORM = { file: /^fil_[0-9A-Za-z_-]{8,64}$/, folder: /^fld_[0-9A-Za-z_-]{8,64}$/ } as const
const PREFIX = { file: 'fil_', folder: 'fld_' } as const

/** Whether the server takes this id for something new (section 3: `fil_`/`fld_` + 8..64 of `[0-9A-Za-z_-]`). */
export function mintable(id: string, kind: Kind): boolean {
  return FORM[kind].test(id)
}

/** The id of what a change creates anew; `use` keeps two things made from one change apart. */
export function mintId(kind: Kind, change: string, use = ''): string {
  const plain = `${change}${use}`
  return PREFIX[kind] + (/^[0-9A-Za-z_-]{8,64}$/.test(plain) ? plain : digits(plain))
}

/** The version that a change makes, which is also its idempotency key (rule 1). */
export function versionOf(change: string, step?: number): string {
  return `ver_${change}${step === undefined ? '' : `_${step}`}`
}

/** The change whose effect a version is. A version that the server minted yields an id that no change has. */
export function originOf(version: unknown): string | undefined {
  return typeof version === 'string' && version.startsWith('ver_') ? version.slice(4) : undefined
}

// Change ids are UUIDs; this is for those of tests and of other makers, and keeps different ids different.
function digits(text: string): string {
  const hex = [...new TextEncoder().encode(text)].map(byte => byte.toString(16).padStart(2, '0')).join('')
  return hex.length <= 64 ? hex.padStart(8, '0') : hex.slice(0, 32) + hex.slice(-32)
}
