/** What an HTTP status means, once, for all APIs. */
import { type Code, SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { waitOf } from './retry-after.ts'
import { member, text } from './shape.ts'
import { parseHttpDate } from './time.ts'

interface Failed {
  readonly status: number
  readonly json: Json | undefined
  readonly header: (name: string) => string | null
}

export function failureOf(answer: Failed, route: string, now: number): SyncError {
  const code = codeOf(answer)
  const wait = answer.status === 429 || answer.status >= 500 ? waitAsked(answer, now) : undefined
  return new SyncError(code, `${route} answered ${answer.status}. ${ADVICE[code] ?? 'Another try may work.'}`, {
    notBefore: wait === undefined ? undefined : now + wait,
    details: { status: answer.status, route, ...reasonOf(answer.json) },
  })
}

const BY_STATUS: { readonly [status: number]: Code } = {
  400: 'rejected',
  401: 'needs-auth',
  403: 'forbidden',
  404: 'missing',
  405: 'misconfigured',
  407: 'not-the-api',
  408: 'server',
  409: 'conflict',
  410: 'missing',
  413: 'too-large',
  422: 'rejected',
  429: 'throttled',
  507: 'remote-full',
  511: 'not-the-api',
}

const ADVICE: { readonly [code in Code]?: string } = {
  'needs-auth': 'Sign in again; nothing is lost.',
  forbidden: 'Ask for access, or take the remote out.',
  missing: 'Check that it still exists and that the URL is right.',
  misconfigured: 'Check the URL of the remote.',
  rejected: 'The request does not fit the API.',
  'too-large': 'Send less at once.',
  'remote-full': 'Make room there.',
}

// A proxy's own page: its 404 must not be read as "gone". A 413 of a proxy means the same as one of the API.
const PROXY_PAGES = new Set([400, 403, 404, 409, 410, 422])

export function isProxyPage({ status, header }: Failed): boolean {
  return PROXY_PAGES.has(status) && isHtml(header)
}

function codeOf(failed: Failed): Code {
  const { status } = failed
  if (isProxyPage(failed)) return 'not-the-api'
  const known = BY_STATUS[status]
  if (known !== undefined) return known
  if (status >= 500) return 'server'
  return status >= 400 ? 'rejected' : 'protocol'
}

export function isHtml(header: (name: string) => string | null): boolean {
  return /^\s*(text\/html|application\/xhtml)/i.test(header('content-type') ?? '')
}

/** Browsers often may not see the header, so the body's `retry_after` counts too. */
function waitAsked({ json, header }: Failed, now: number): number | undefined {
  const inBody = member(member(json, 'error'), 'retry_after')
  const clock = parseHttpDate(header('date') ?? '') ?? now
  return waitOf(header('retry-after') ?? (typeof inBody === 'number' ? inBody : undefined), clock)
}

/** Only what looks like a code of the API: messages of strangers may hold anything. */
function reasonOf(json: Json | undefined): { readonly code?: string } {
  const code = errorCode(json)
  return code === undefined ? {} : { code }
}

export function errorCode(json: Json | undefined): string | undefined {
  const code = text(member(json, 'error'), 'code')
  return code !== undefined && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : undefined
}

/** What fetch rejects with, as a code: aborted by us, out of time, sent elsewhere, or no connection. */
export function unreachable(error: unknown, route: string, io: Io): SyncError {
  if (error instanceof SyncError) return error
  if (io.signal.aborted) return new SyncError('aborted', `${route} was stopped.`, { cause: error })
  const name = error instanceof Error ? error.name : ''
  if (name === 'AbortError' || name === 'TimeoutError') {
    return new SyncError('timeout', `${route} took too long. Another try may work.`, { cause: error })
  }
  // With redirect: 'error' Node says so in the cause only; browsers do not tell it from a broken connection.
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error && cause.message === 'unexpected redirect') return elsewhere(route)
  return new SyncError('network', `${route} could not be reached. Another try may work.`, { cause: error })
}

export function elsewhere(route: string): SyncError {
  return new SyncError('misconfigured', `${route} redirects elsewhere. Set the URL that it really has.`)
}
