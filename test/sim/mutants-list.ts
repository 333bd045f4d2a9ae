/** The breaks themselves. `find` must be in `file` exactly once. */
export interface Mutant {
  readonly name: string
  readonly expect: readonly string[]
  readonly patches: readonly { readonly file: string; readonly find: string; readonly replace: string }[]
  /** Arguments of the run that make the break likely to matter. */
  readonly args?: readonly string[]
}

export const list: readonly Mutant[] = []
