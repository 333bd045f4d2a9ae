/** A "no" that the API says on purpose. Thrown inside a transaction it also undoes it. */
export class ApiError extends Error {
  readonly status: number
  readonly code: Code
  readonly details: Details
  readonly headers: Readonly<Record<string, string>>

  constructor(code: Code, message: string, details: Details = {}, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = STATUS[code]
    this.code = code
    this.details = details
    this.headers = headers
  }
}

export type Details = Readonly<Record<string, unknown>>
export type Code = keyof typeof STATUS

const STATUS = {
  SYNC_CURSOR_INVALID: 400,
  BAD_REQUEST: 400,
  AUTH_TOKEN_INVALID: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  SYNC_VERSION_STALE: 409,
  SYNC_CONFLICT: 409,
  GONE: 410,
  PAYLOAD_TOO_LARGE: 413,
  RANGE_NOT_SATISFIABLE: 416,
  VALIDATION_ERROR: 422,
  CONTENT_MISSING: 422,
  RATE_LIMITED: 429,
  NOT_IMPLEMENTED: 501,
  QUOTA_EXCEEDED: 507,
} as const

export const notFound = (what: string): ApiError => new ApiError('NOT_FOUND', `${what} not found`)

/** A 422 says where: its `detail` is the list that FastAPI writes. */
export const invalid = (loc: readonly (string | number)[], msg: string): ApiError =>
  new ApiError('VALIDATION_ERROR', msg, { loc })

export function errorBody(error: ApiError, requestId: string, knobs: { readonly errors: 'rich' | 'bare' }): unknown {
  const detail =
    error.code === 'VALIDATION_ERROR'
      ? [{ loc: error.details.loc, msg: error.message, type: 'value_error' }]
      : error.message
  if (knobs.errors === 'bare') return { detail }
  return {
    status: 'error',
    detail,
    error: { code: error.code, message: error.message, details: error.details },
    meta: { request_id: requestId },
  }
}
