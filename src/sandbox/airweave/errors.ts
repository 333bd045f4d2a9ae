import type { Knobs } from './knobs.ts'

/** A "no" that the API says on purpose. */
export class ApiError extends Error {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The member of the request that does not fit. */
  readonly at: readonly (string | number)[] | undefined

  constructor(
    status: number,
    detail: string,
    more: { readonly headers?: Readonly<Record<string, string>>; readonly at?: readonly (string | number)[] } = {},
  ) {
    super(detail)
    this.status = status
    this.headers = more.headers ?? {}
    this.at = more.at
  }
}

export const notFound = (detail: string): ApiError => new ApiError(404, detail)

/** A request of the wrong shape. */
export const invalid = (at: readonly (string | number)[], message: string): ApiError =>
  new ApiError(422, message, { at })

/** What cannot be done now: the description says 409, the code 400. */
export const cannotNow = (detail: string, { conflicts }: Pick<Knobs, 'conflicts'>): ApiError =>
  new ApiError(conflicts === 'spec' ? 409 : 400, detail)

export function bodyOf(error: ApiError, { validation }: Pick<Knobs, 'validation'>): unknown {
  if (error.at === undefined) return { detail: error.message }
  if (validation === 'spec') return { detail: [{ loc: error.at, msg: error.message, type: 'value_error' }] }
  return { errors: [{ [error.at.join('.')]: error.message }] }
}
