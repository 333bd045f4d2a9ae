/**
 * One request: built from base and template, sent through `io.fetch`, read under a byte cap, and every way it can fail
 * translated into a SyncError. Nothing secret is in an error: URLs appear as route templates only.
 */
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { readBytes, readPieces } from './body.ts'
import { elsewhere, failureOf, isHtml, isProxyPage, unreachable } from './failure.ts'
import { parseJson, writeJson } from './json.ts'
import { parseHttpDate } from './time.ts'
import { type AskToken, type Tokens, tokens } from './token.ts'
import { baseUrl, type Query, urlOf } from './url.ts'

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the base, with `{names}` for ids: `/files/{id}`. Also what errors say. */
  readonly route: string
  readonly ids?: { readonly [name: string]: string }
  readonly query?: Query
  readonly json?: unknown
  readonly bytes?: Uint8Array
  readonly headers?: { readonly [name: string]: string }
  /** `pieces`: a body to be read as it comes. `nothing`: whatever comes is not read. */
  readonly want: 'json' | 'pieces' | 'nothing'
  /** Most bytes after decompression. Default 1 MiB, which is plenty for anything that is not a page or a file. */
  readonly most?: number
  /** The bytes asked for may themselves be an HTML page. */
  readonly html?: boolean
  /** Statuses that the caller reads itself instead of having them thrown. */
  readonly data?: readonly number[]
}

export interface Answer {
  readonly status: number
  /** Parsed, where JSON was wanted or the status is an error that carries JSON. */
  readonly json: Json | undefined
  /** Where they were wanted. To be read to the end, or left with `return`. */
  readonly pieces: AsyncIterable<Uint8Array>
  readonly header: (name: string) => string | null
}

export interface Http {
  readonly base: URL
  readonly tokens: Tokens
  send(call: Call, io: Io): Promise<Answer>
  /** The answer to a GET, with its body unread: for what goes on for long. */
  open(call: Call, io: Io): Promise<Response>
}

export const PAGE_BYTES = 16 * 1024 * 1024
export const CONTROL_BYTES = 1024 * 1024

export interface HttpOptions {
  readonly url: string
  readonly token: AskToken
  /** How a token is sent. Default: `authorization: Bearer`. */
  readonly credentials?: (token: string) => { readonly [name: string]: string }
  /** Lets a browser send its cookies, for servers that know nothing else. */
  readonly cookies?: boolean
}

/** A `Date` names the second that it was in: the middle of it is off by half a second at most, either way (RFC 9110, 6.6.1). */
const withinSecond = 500

export function http({ url, token, credentials = bearer, cookies = false }: HttpOptions): Http {
  const base = baseUrl(url)
  const asked = tokens(token)

  async function request(call: Call, token: string, io: Io): Promise<Response> {
    const target = urlOf(base, call.route, call.ids ?? {}, call.query)
    const response = await exchange(
      target,
      { ...initOf(call, credentials(token), io), ...(cookies && { credentials: 'include' as const }) },
      call,
      io,
    )
    const date = parseHttpDate(response.headers.get('date') ?? '')
    if (date !== undefined) io.serverTime(date + withinSecond)
    return response
  }

  /** With another token where the first one is refused; what comes then is for the caller. */
  async function authorised(call: Call, io: Io): Promise<Response> {
    const token = await asked.current()
    const first = await request(call, token, io)
    if (first.status !== 401) return first
    await first.body?.cancel().catch(() => undefined) // nobody reads it
    const renewed = await asked.renew(token)
    const second = await request(call, renewed, io)
    if (second.status === 401) asked.failed(renewed)
    return second
  }

  return {
    base,
    tokens: asked,
    async send(call, io) {
      const answer = await readAnswer(await authorised(call, io), call, io)
      if (ok(answer.status) || (call.data?.includes(answer.status) && !isProxyPage(answer))) return answer
      throw failureOf(answer, call.route, io.now())
    },
    async open(call, io) {
      const response = await authorised(call, io)
      if (ok(response.status)) return response
      throw failureOf(await readAnswer(response, call, io), call.route, io.now())
    },
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const ok = (status: number): boolean => status >= 200 && status < 300

function initOf(call: Call, credentials: { readonly [name: string]: string }, io: Io): RequestInit {
  const body = call.bytes !== undefined ? new Uint8Array(call.bytes) : jsonText(call.json)
  return {
    method: call.method,
    headers: {
      ...(call.want === 'json' ? { accept: 'application/json' } : {}),
      ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(call.bytes === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      ...call.headers,
      ...credentials,
    },
    ...(body === undefined ? {} : { body }),
    // Credentials would follow a redirect, some of them to another origin; nothing here may come from a cache (S4).
    redirect: 'error',
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    cache: 'no-store',
    signal: io.signal,
  }
}

const jsonText = (json: unknown): string | undefined => (json === undefined ? undefined : writeJson(json))

async function exchange(url: URL, init: RequestInit, { route }: Call, io: Io): Promise<Response> {
  let response: Response
  try {
    response = await io.fetch(url, init)
  } catch (error) {
    throw unreachable(error, route, io)
  }
  const { status, type, redirected } = response
  if (redirected || type === 'opaqueredirect' || type === 'opaque' || status === 0 || isRedirect(status)) {
    throw elsewhere(route)
  }
  return response
}

const isRedirect = (status: number): boolean => status >= 300 && status < 400 && status !== 304

async function readAnswer(response: Response, call: Call, io: Io): Promise<Answer> {
  const { status } = response
  const header = (name: string) => response.headers.get(name)
  const most = call.most ?? CONTROL_BYTES
  const bare = { status, header, json: undefined, pieces: none() }
  if (!ok(status)) return { ...bare, json: await errorBody(response, call, io) }
  if (call.want === 'nothing') {
    await response.body?.cancel().catch(() => undefined) // nobody waits for the rest
    if (isHtml(header)) throw notTheApi(call.route)
    return bare
  }
  if (call.want === 'json') mustBeJson(response, call.route)
  if (call.want === 'pieces') {
    if (isHtml(header) && call.html !== true) throw notTheApi(call.route)
    return { ...bare, pieces: readPieces(response, most, call.route, io) }
  }
  const bytes = await readBytes(response, most, call.route, io)
  return { ...bare, json: parseBody(bytes, header, status, call.route) }
}

async function* none(): AsyncGenerator<Uint8Array, void, void> {}

function mustBeJson(response: Response, route: string): void {
  const type = response.headers.get('content-type')
  if (type !== null && !/^(application|text)\/([\w.-]+\+)?json\b/i.test(type.trim())) throw notTheApi(route)
}

function parseBody(bytes: Uint8Array, header: Answer['header'], status: number, route: string): Json {
  const short = shorter(bytes.length, header)
  if (bytes.length === 0) {
    if (status !== 204 || short) throw new SyncError('truncated', `${route} answered nothing. It will be asked again.`)
    throw new SyncError('protocol', `${route} answered ${status} without the JSON that it should carry.`)
  }
  try {
    // A byte order mark stays, and is an error like any other character outside the JSON.
    return parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    if (short) throw new SyncError('truncated', `${route} ended early. It will be asked again.`, { cause })
    if (/^\s*</.test(new TextDecoder().decode(bytes.subarray(0, 64)))) throw notTheApi(route)
    if (cause instanceof SyncError)
      throw new SyncError(cause.code, `${route}: ${cause.message}`, { cause: cause.cause })
    throw new SyncError('protocol', `${route} answered with bytes that are no UTF-8.`, { cause })
  }
}

/** Fewer bytes than announced. A compressed body announces its compressed length, so nothing follows then. */
export function shorter(length: number, header: Answer['header']): boolean {
  const announced = Number(header('content-length') ?? Number.NaN)
  return header('content-encoding') === null && Number.isSafeInteger(announced) && length < announced
}

async function errorBody(response: Response, call: Call, io: Io): Promise<Json | undefined> {
  try {
    const bytes = await readBytes(response, CONTROL_BYTES, call.route, io)
    return parseJson(new TextDecoder().decode(bytes))
  } catch (error) {
    if (error instanceof SyncError && error.code === 'aborted') throw error
    return undefined // an error answer says enough by its status
  }
}

function notTheApi(route: string): SyncError {
  return new SyncError(
    'not-the-api',
    `${route} was answered by something else, perhaps a login page of the network. Another try may work.`,
  )
}
