import { sha256 } from '../../src/sandbox/digest.ts'
import { type FilesOptions, filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import type { World } from '../../src/sandbox/world.ts'

export const START = Date.parse('2026-05-02T08:00:00Z')
export const SYNC = '/api/v1/sync'

/** A clock that moves when told to; whoever sleeps wakes in order. */
export function virtualWorld(
  seed = 1,
): World & { readonly pass: (ms: number) => Promise<void>; set: (ms: number) => void } {
  let now = START
  let sleepers: { readonly at: number; readonly wake: () => void }[] = []
  let state = seed
  return {
    now: () => now,
    random() {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state / 2 ** 32
    },
    sleep: ms =>
      new Promise(resolve => {
        sleepers.push({ at: now + ms, wake: resolve })
      }),
    set(ms) {
      now = ms
    },
    async pass(ms) {
      const end = now + ms
      for (;;) {
        await settle()
        const next = sleepers.filter(it => it.at <= end).sort((one, other) => one.at - other.at)[0]
        if (!next) break
        sleepers = sleepers.filter(it => it !== next)
        now = Math.max(now, next.at)
        next.wake()
      }
      now = end
      await settle()
    },
  }
}

export async function settle(turns = 100): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await null
}

/** A share with an owner, a registered device and a way to talk. */
export async function scene(options: Partial<FilesOptions> = {}) {
  const world = virtualWorld()
  const sandbox = filesSandbox({ world, ...options })
  const { admin } = sandbox
  const { user_id, token } = admin.addUser('Ada')
  const share = admin.addShare('Docs', user_id)
  const api = client(request => sandbox.fetch(request), token)
  await register(api, 'dev_1')
  return { world, sandbox, admin, user_id, token, share, api, ...talk(api, share, 'dev_1') }
}

export type Scene = Awaited<ReturnType<typeof scene>>

export async function register(api: Api, device_id: string, device_name = 'Laptop'): Promise<void> {
  const device = { device_id, device_name, platform: 'linux', client_version: '1.0.0' }
  const { status } = await api('POST', `${SYNC}/devices`, device)
  if (status !== 201) throw new Error(`register answered ${status}`)
}

// biome-ignore lint/suspicious/noExplicitAny: a body is foreign data that each test looks into.
export type Json = any
export type Answer = { readonly status: number; readonly body: Json; readonly headers: Headers }
export type Api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

export function client(fetch: (request: Request) => Promise<Response>, token: string, origin = 'http://sandbox'): Api {
  return async (method, path, body, headers = {}) => {
    const raw = body instanceof Uint8Array ? new Uint8Array(body) : body === undefined ? null : JSON.stringify(body)
    const sent = { authorization: `Bearer ${token}`, ...headers }
    const response = await fetch(new Request(origin + path, { method, headers: sent, body: raw }))
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json')
    return { status: response.status, body: json && text ? JSON.parse(text) : text, headers: response.headers }
  }
}

let minted = 0
export const key = (prefix = 'ver'): string => `${prefix}_test${String(++minted).padStart(8, '0')}`

export const bytes = (text: string): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
export const hash = (text: string): string => sha256(bytes(text))

/** The calls that nearly every test makes. */
export function talk(api: Api, share: string, device_id: string) {
  const upload = (version_id: string, text: string) =>
    api('PUT', `${SYNC}/upload/${version_id}?share_id=${share}`, bytes(text))

  const apply = (changes: readonly unknown[], conflict_resolution: string | null = null) =>
    api('POST', `${SYNC}/apply`, { device_id, share_id: share, conflict_resolution, changes })

  const change = (change_type: string, more: Record<string, unknown>) => ({
    resource_type: 'file',
    resource_id: null,
    change_type,
    version_id: key(),
    base_version_id: null,
    old_path: null,
    new_path: null,
    ...more,
  })

  return {
    upload,
    apply,
    created: (path: string, text: string, more: Record<string, unknown> = {}) =>
      change('created', { new_path: path, metadata: { checksum_sha256: hash(text) }, ...more }),
    folder: (path: string, more: Record<string, unknown> = {}) =>
      change('created', { resource_type: 'folder', new_path: path, ...more }),
    updated: (it: Ref, text: string, more: Record<string, unknown> = {}) =>
      change('updated', { ...ref(it), new_path: it.path ?? '/x', metadata: { checksum_sha256: hash(text) }, ...more }),
    moved: (it: Ref, to: string, more: Record<string, unknown> = {}) =>
      change('moved', { ...ref(it), new_path: to, ...more }),
    deleted: (it: Ref, more: Record<string, unknown> = {}) => change('deleted', { ...ref(it), ...more }),

    /** Stages the bytes and applies one change that brings them. */
    async push(item: Record<string, unknown>, text: string, strategy: string | null = null) {
      await upload(String(item.version_id), text)
      return apply([item], strategy)
    },
    changes: (cursor?: unknown, query = '') =>
      api('GET', `${SYNC}/changes?share_id=${share}${cursor === undefined ? '' : `&cursor=${cursor}`}${query}`),
  }
}

type Ref = { readonly resource_id: string; readonly version_id: string; readonly path?: string }

const ref = (it: Ref) => ({
  resource_id: it.resource_id,
  base_version_id: it.version_id,
  old_path: it.path ?? '/x',
})
