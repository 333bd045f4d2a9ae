/** Cognee: datasets, their documents, and syncs to its cloud. docs/apis/cognee.md says on what it relies. */
import type { Jobs } from '../../job.ts'
import type { Transport } from '../../transport.ts'
import { http } from '../shared/http.ts'
import type { AskToken } from '../shared/token.ts'
import { api, cloudApi } from './api.ts'
import { looksOf } from './pull.ts'
import { push } from './push.ts'
import { type CogneeSync, runs } from './runs.ts'
import { datasets, documents } from './sources.ts'

export type { AskToken } from '../shared/token.ts'
export type { CogneeSync } from './runs.ts'
export { type DatasetRow, type DocumentRow, datasets, documents } from './sources.ts'

export interface CogneeOptions {
  /** The local server: `http://localhost:8000`. The API's own `/api/v1` is added. */
  readonly url: string
  /** What is sent as `as` says; asked for anew when it is refused. Not needed for the cookies of a browser. */
  readonly token?: AskToken
  /** A key in `x-api-key`, a token in `authorization`, or the cookie `auth_token`. Default `bearer`. */
  readonly as?: 'key' | 'bearer' | 'cookie'
  /** Access to the cloud, to see that a sync brought everything there. Without it a sync ends as `finished-unverified`. */
  readonly cloud?: { readonly url: string; readonly key: AskToken }
  /** Larger documents are neither sent nor read. Default 64 MiB. */
  readonly mostBytes?: number
}

export interface Cognee extends Transport {
  readonly sources: { readonly datasets: typeof datasets; readonly documents: typeof documents }
  readonly jobs: Jobs<CogneeSync>
}

const HEADERS = {
  key: (token: string) => ({ 'x-api-key': token }),
  bearer: (token: string) => ({ authorization: `Bearer ${token}` }),
  // Browsers leave this header out, and send their own cookie.
  cookie: (token: string) => ({ cookie: `auth_token=${token}` }),
}

export function cognee({ url, token, as = 'bearer', cloud, mostBytes = 64 * 1024 * 1024 }: CogneeOptions): Cognee {
  const root = `${url.replace(/\/+$/, '').replace(/\/api\/v1$/, '')}/api/v1`
  const local = http({
    url: root,
    token: token ?? (() => 'browser'),
    credentials: HEADERS[as],
    cookies: as === 'cookie',
  })
  const calls = api(local, mostBytes)
  const there = cloud && cloudApi(http({ url: cloud.url, token: cloud.key, credentials: HEADERS.key }))
  return {
    name: 'cognee',
    sources: { datasets, documents },
    ...looksOf(calls),
    ...push(calls, { mostBytes }),
    jobs: runs(calls, there),
    every: 60_000,
  }
}
