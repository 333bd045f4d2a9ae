/** What an operator, or another client without a wire, does in the project. */
import { type Plain, writeJson } from '../json.ts'
import { type Obj, object } from './check.ts'
import { putContainer } from './models/containers.ts'
import { putSpace } from './models/spaces.ts'
import { putView } from './models/views.ts'
import { createStream, deleteStream } from './records/streams.ts'
import type { State, Token } from './state.ts'

export function admin(state: State, call: Call): Admin {
  const post = async (path: string, body: unknown): Promise<void> => {
    const { status, text } = await call(path, body)
    if (status >= 300) throw new Error(`${path} answered ${status}: ${text}`)
  }
  return {
    addToken(token, { spaces = null, expiresAt = null } = {}) {
      state.tables.transact(() => state.tokens.put(token, { token, spaces, expiresAt }))
      return token
    },
    dropToken: token => state.tables.transact(() => state.tokens.drop(token)),
    addSpace: space => void state.tables.transact(() => putSpace(state, { space })),
    addContainer: item => void state.tables.transact(() => putContainer(state, object(item as Plain, 'container'))),
    addView: item => void state.tables.transact(() => putView(state, object(item as Plain, 'view'))),
    addStream: (id, template) => void state.tables.transact(() => createStream(state, id, template)),
    dropStream: id => state.tables.transact(() => deleteStream(state, id)),
    ingest: (stream, items) => post(`/streams/${stream}/records`, { items }),
    upsert: (stream, items) => post(`/streams/${stream}/records/upsert`, { items }),
    apply: body => post('/models/instances', body),
    remove: (stream, items) => post(`/streams/${stream}/records/delete`, { items }),
  }
}

export type Call = (path: string, body: unknown) => Promise<{ readonly status: number; readonly text: string }>

export type Admin = {
  readonly addToken: (token: string, rights?: Partial<Pick<Token, 'spaces' | 'expiresAt'>>) => string
  readonly dropToken: (token: string) => void
  readonly addSpace: (space: string) => void
  readonly addContainer: (item: object) => void
  readonly addView: (item: object) => void
  readonly addStream: (id: string, template: 'BasicLiveData' | 'ImmutableTestStream' | 'BasicArchive') => void
  readonly dropStream: (id: string) => void
  /** As another client, in fair weather and beside all limits. */
  readonly ingest: (stream: string, items: readonly WriteItem[]) => Promise<void>
  readonly upsert: (stream: string, items: readonly WriteItem[]) => Promise<void>
  readonly apply: (body: object) => Promise<void>
  readonly remove: (stream: string, items: readonly { space: string; externalId: string }[]) => Promise<void>
}

export type WriteItem = {
  readonly space: string
  readonly externalId: string
  readonly sources: readonly {
    readonly source: { readonly type: 'container'; readonly space: string; readonly externalId: string }
    readonly properties: Obj
  }[]
}

/** Calls the routes as a client that sees every space. */
export function caller(
  fetch: (request: Request) => Promise<Response> | Response,
  project: string,
  token: string,
): Call {
  return async (path, body) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const url = `http://admin/api/v1/projects/${project}${path}`
    const response = await fetch(new Request(url, { method: 'POST', headers, body: writeJson(body) }))
    return { status: response.status, text: await response.text() }
  }
}
