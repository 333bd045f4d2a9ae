/** What all Cognite APIs are set up with, checked where it is given. */
import { SyncError } from '../../../errors.ts'
import { type Http, http } from '../http.ts'
import type { AskToken } from '../token.ts'

export interface CdfOptions {
  /** The cluster: `https://westeurope-1.cognitedata.com`. */
  readonly url: string
  readonly project: string
  /** An OpenID Connect access token for the project; asked for anew when one is refused. */
  readonly token: AskToken
}

export interface Setup {
  readonly http: Http
  /** Goes in front of every route. */
  readonly root: string
  readonly ids: { readonly project: string }
}

export function setup({ url, project, token }: CdfOptions): Setup {
  if (!/^[a-z0-9]([a-z0-9-_]{0,62}[a-z0-9])?$/i.test(project)) throw wrong(`"${project}" is no name of a project`)
  return { http: http({ url, token }), root: '/api/v1/projects/{project}', ids: { project } }
}

export function wrong(what: string): SyncError {
  return new SyncError('misconfigured', `${what}: correct it where the remote is set up.`)
}

const SPACE = /^[a-zA-Z][a-zA-Z0-9_-]{0,41}[a-zA-Z0-9]?$/
const MODEL_ID = /^[a-zA-Z]([a-zA-Z0-9_]{0,253}[a-zA-Z0-9])?$/

export const isSpace = (text: unknown): text is string => typeof text === 'string' && SPACE.test(text)
export const isModelId = (text: unknown): text is string => typeof text === 'string' && MODEL_ID.test(text)

/** 1 to 256 characters, NUL not among them. */
export const isExternalId = (text: unknown): text is string =>
  typeof text === 'string' && text.length >= 1 && text.length <= 256 && !text.includes('\0')
