/** A "no" of the API, in one of its envelopes. */
export class ApiError extends Error {
  readonly status: number
  readonly body: unknown
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    super(JSON.stringify(body))
    this.status = status
    this.body = body
    this.headers = headers
  }
}

export const unauthorized = (): ApiError => new ApiError(401, { detail: 'Unauthorized' })

/** What does not fit is 400, never 422. */
export const invalid = (loc: readonly (string | number)[], msg: string, type: string, body: unknown): ApiError =>
  new ApiError(400, { detail: [{ type, loc, msg, input: null }], body })

export const denied = (what: 'read' | 'write' | 'delete'): ApiError =>
  new ApiError(403, {
    detail: `Request owner does not have necessary permission: [${what}] for all datasets requested. [PermissionDeniedError]`,
  })
