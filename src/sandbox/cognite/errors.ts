import { writeJson } from '../json.ts'
import type { Knobs } from './knobs.ts'

/** A "no" that the API says on purpose. Thrown inside a transaction it also undoes it. */
export class ApiError extends Error {
  readonly status: number
  readonly more: More
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, message: string, more: More = {}, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.more = more
    this.headers = headers
  }
}

export type More = {
  readonly missing?: readonly object[]
  readonly duplicated?: readonly object[]
  /** How each item of a batch fared, in any order. */
  readonly partial?: readonly ItemResult[]
  readonly isAutoRetryable?: boolean
  readonly notices?: readonly object[]
}

export type ItemResult = {
  readonly space: string
  readonly externalId: string
  readonly code: number
  readonly message?: string
}

export const bad = (message: string): ApiError => new ApiError(400, message)
export const notFound = (message: string, missing?: readonly object[]): ApiError =>
  new ApiError(404, message, missing && { missing })
export const forbidden = (message: string): ApiError => new ApiError(403, message)

/** The envelope. What stands before the API, or breaks under it, may say less: a plain string, or nothing. */
export function errorResponse(error: ApiError, requestId: string, { errors }: Pick<Knobs, 'errors'>): Response {
  const { status, message, more } = error
  const headers = {
    'content-type': 'application/json',
    'x-request-id': requestId,
    ...(more.isAutoRetryable && { 'cdf-is-auto-retryable': 'true' }),
    ...error.headers,
  }
  const platform = status === 429 || (status >= 500 && more.partial === undefined)
  if (platform && errors === 'empty') return new Response(null, { status, headers: { 'x-request-id': requestId } })
  if (platform && errors === 'string') return new Response(writeJson({ error: message }), { status, headers })
  return new Response(writeJson({ error: { code: status, message, ...more } }), { status, headers })
}
