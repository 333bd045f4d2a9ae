/**
 * A file server that keeps no bytes: what it offers is made when it is asked for, and what comes is hashed and forgotten.
 * So a file may be larger than the memory of both sides. Speaks as much of the file API as that takes.
 */
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesOf } from './bytes.ts'
import type { Account } from './devices.ts'

export interface Offer {
  readonly name: string
  readonly seed: number
  readonly size: number
  readonly sha256: string
}

interface File {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly size: number
  readonly sha256: string
  /** Of those that are offered. */
  readonly seed?: number
}

interface Upload {
  readonly hash: Hash
  readonly total: number
  received: number
  sha256?: string
}

const share = 'shr_1'
const at = '2026-01-01T00:00:00Z'
const sentAtOnce = 256 * 1024

export async function streamServer(offers: readonly Offer[] = []) {
  const files = new Map<string, File>(
    offers.map((offer, n) => [`fil_offer${n}`, { id: `fil_offer${n}`, version: `ver_offer${n}`, ...offer }]),
  )
  const log: File[] = [...files.values()]
  const devices = new Map<string, object>()
  const uploads = new Map<string, Upload>()
  /** Bytes of bodies, both ways. */
  const moved = { up: 0, down: 0 }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy()) // whoever asked is gone
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server')
    const path = pathname.replace('/api/v1', '')
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', '*, authorization')
    response.setHeader('access-control-allow-methods', '*')
    response.setHeader('access-control-max-age', '7200')
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    const [, name = ''] = /^\/sync\/(?:upload|download)\/([^/]+)$/.exec(path) ?? []
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    if (path.startsWith('/sync/upload/')) return upload(name, request, response, json)
    if (path.startsWith('/sync/download/')) return download(name, request, response)
    if (path === '/sync/changes') return json(200, changes(searchParams.get('cursor')))
    if (path === '/folders/root/children') return json(200, { items: [...files.values()].map(item), total: files.size })
    if (path === '/users/me/shares') return json(200, { shares: [{ id: share, name: 'Documents' }], total: 1 })
    if (path === '/sync/apply') return json(200, apply(JSON.parse(String(await bodyOf(request))) as Applied))
    if (path === '/sync/cursor') return json(200, { cursor_position: log.length, last_sync_at: at })
    if (path === '/sync/devices' && request.method === 'GET') return json(200, { devices: [...devices.values()] })
    if (path === '/sync/devices') {
      const device = JSON.parse(String(await bodyOf(request))) as { readonly device_id: string }
      devices.set(device.device_id, device)
      return json(201, device)
    }
    if (path.endsWith('/heartbeat')) return void response.writeHead(204).end()
    json(404, { error: { code: 'NOT_FOUND' } })
  }

  function changes(cursor: string | null) {
    const rows = cursor === null ? [] : log.slice(Number(cursor))
    return { changes: rows.map(row), cursor: log.length, has_more: false, share_id: share }
  }

  async function download(id: string, { headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { seed, size, version, sha256 } = files.get(id) ?? {}
    if (seed === undefined || size === undefined) return void response.writeHead(404).end()
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
    const from = Number(first)
    const to = last === '' ? size : Math.min(size, Number(last) + 1)
    response.writeHead(headers.range === undefined ? 200 : 206, {
      'content-type': 'application/octet-stream',
      'content-length': to - from,
      etag: `"${version}"`,
      'x-checksum-sha256': sha256,
      ...(headers.range !== undefined && { 'content-range': `bytes ${from}-${to - 1}/${size}` }),
    })
    for (let here = from; here < to && !response.destroyed; here += sentAtOnce) {
      const bytes = bytesOf(seed, here, Math.min(here + sentAtOnce, to))
      moved.down += bytes.length
      if (!response.write(bytes)) {
        await new Promise<void>(resolve => {
          response.once('drain', resolve).once('close', resolve)
        })
        response.removeAllListeners('drain').removeAllListeners('close')
      }
    }
    response.end()
  }

  async function upload(
    version: string,
    request: IncomingMessage,
    response: ServerResponse,
    json: (status: number, value: unknown) => void,
  ): Promise<void> {
    const known = uploads.get(version)
    if (request.method === 'HEAD') {
      return void response.writeHead(known ? 200 : 404, { 'upload-offset': known?.received ?? 0 }).end()
    }
    const bytes = await bodyOf(request)
    moved.up += bytes.length
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(request.headers['content-range'] ?? '') ?? []
    const one = known ?? { hash: createHash('sha256'), total: Number(total ?? bytes.length), received: 0 }
    uploads.set(version, one)
    if (Number(first ?? 0) === one.received && one.received < one.total) {
      one.hash.update(bytes)
      one.received += bytes.length
    }
    if (one.received < one.total) return json(202, { received: one.received })
    one.sha256 ??= one.hash.digest('hex')
    json(201, { version_id: version, size: one.total, checksum_sha256: one.sha256 })
  }

  /** Takes files that are new, with bytes that came. */
  function apply({ changes }: Applied) {
    const applied = changes.map(({ version_id, resource_id, new_path, metadata }) => {
      const { sha256, total } = uploads.get(version_id) ?? {}
      if (sha256 !== metadata.checksum_sha256 || total !== metadata.size) throw new Error('These bytes never came.')
      const known = [...files.values()].find(({ version }) => version === version_id)
      const id = known?.id ?? resource_id ?? `fil_${version_id}`
      const file = { id, name: new_path.slice(1), version: version_id, size: total, sha256 }
      if (known === undefined) log.push(file)
      files.set(id, file)
      return { version_id, resource_id: id, outcome: 'applied', new_path, change_id: `chg_${log.length}` }
    })
    return { applied, conflicts: [], cursor: log.length }
  }

  const account: Account = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, share, token: 'token' }
  return {
    account,
    files: () => [...files.values()],
    moved,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

interface Applied {
  readonly changes: readonly {
    readonly version_id: string
    readonly resource_id: string | null
    readonly new_path: string
    readonly metadata: { readonly checksum_sha256: string; readonly size: number }
  }[]
}

const facts = ({ name, size, sha256 }: File) => ({
  name,
  size,
  checksum_sha256: sha256,
  mime_type: 'application/octet-stream',
  modified_at: at,
})

const item = (file: File) => ({ id: file.id, type: 'file', version_id: file.version, ...facts(file) })

const row = (file: File, n: number) => ({
  id: `chg_${n}`,
  tenant_id: 'tnt_1',
  share_id: share,
  resource_type: 'file',
  resource_id: file.id,
  change_type: 'created',
  changed_by: 'usr_1',
  changed_at: at,
  old_path: null,
  new_path: `/${file.name}`,
  version_id: file.version,
  metadata: { ...facts(file), parent_id: null },
})

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
