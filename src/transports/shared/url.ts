/** URLs are built from a fixed base and a template, never taken from an answer (S5, S6). */
import { SyncError } from '../../errors.ts'
import { wellFormed } from './shape.ts'

export type Query = { readonly [name: string]: string | number | bigint | undefined }

/** The base as given, without a trailing slash: https, or http on loopback; no user, query or fragment. */
export function baseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw wrong('is not a URL') // the parser's own message repeats the text, which may hold a secret
  }
  const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname) || url.hostname.endsWith('.localhost')
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) throw wrong('must be https')
  if (url.username !== '' || url.password !== '') throw wrong('must not hold a user or password')
  if (url.search !== '' || url.hash !== '') throw wrong('must not have a query or fragment')
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

/** `template` with its `{names}` filled in by encoded ids, below the base. */
export function urlOf(base: URL, template: string, ids: { readonly [name: string]: string }, query: Query = {}): URL {
  const root = base.pathname === '/' ? '' : base.pathname
  const path = root + template.replace(/\{(\w+)\}/g, (_, name: string) => segment(ids[name] ?? '', template))
  const search = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${encodeURIComponent(name)}=${encoded(String(value), template)}`],
  )
  const url = new URL(`${base.origin}${path}${search.length > 0 ? `?${search.join('&')}` : ''}`)
  if (url.origin !== base.origin || url.pathname !== path) throw unsafe(template)
  return url
}

/** Whether an id can be a path segment: parsers collapse `.` and `..`, and some proxies decode twice. */
export function safeId(id: string): boolean {
  if (id === '' || id.length > 512 || !wellFormed(id)) return false
  return !/^\.{1,2}$/.test(id.replace(/%(25)*2e/gi, '.'))
}

function segment(id: string, template: string): string {
  if (!safeId(id)) throw unsafe(template)
  return encodeURIComponent(id)
}

function encoded(value: string, template: string): string {
  if (!wellFormed(value)) throw unsafe(template)
  return encodeURIComponent(value)
}

function unsafe(template: string): SyncError {
  return new SyncError('protocol', `An id for ${template} cannot be part of a URL: the request was not sent.`)
}

function wrong(what: string): SyncError {
  return new SyncError('misconfigured', `The remote's URL ${what}: correct it where the remote is set up.`)
}
