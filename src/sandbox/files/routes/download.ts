import { visibleResource } from '../access.ts'
import { heldByConflict } from '../conflicts.ts'
import { ApiError, invalid, notFound } from '../errors.ts'
import { type Range, rangeAsked } from '../ranges.ts'
import type { App, Server } from '../server.ts'
import type { Resource, Version } from '../state.ts'

export function downloadRoutes(app: App, { state }: Server): void {
  app.get('/api/v1/sync/download/:file_id', c => {
    const file = visibleResource(state, c.get('user'), c.req.param('file_id'), 'file')
    const version = versionOf(file, c.req.query('version'))
    if (file.deleted && !heldByConflict(state, file.id, version.id)) throw new ApiError('GONE', 'file is deleted')
    const content = version.content
    const bytes = content && state.contents.get(content.sha256)
    if (!content || !bytes) throw notFound('content')

    const etag = `"${version.id}"`
    const headers = {
      'accept-ranges': 'bytes',
      'content-type': content.mime_type,
      'content-disposition': `attachment; filename="${asciiName(version.name)}"; filename*=UTF-8''${encodeURIComponent(version.name)}`,
      etag,
      'x-checksum-sha256': content.sha256,
    }
    if (c.req.header('if-none-match') === etag) return new Response(null, { status: 304, headers: { etag } })

    const ifRange = c.req.header('if-range')
    const range =
      ifRange !== undefined && ifRange !== etag
        ? undefined
        : rangeAsked(
            c.req.header('range'),
            number(c.req.query('range_start'), 'range_start'),
            number(c.req.query('range_end'), 'range_end'),
          )
    return answer(bytes, range, headers)
  })

  function versionOf(file: Resource, asked: string | undefined): Version {
    if (asked !== undefined && !/^(\d+|ver_.+)$/.test(asked))
      throw invalid(['query', 'version'], 'must be a number or a ver_ id')
    const versions = state.versions.by('resource', file.id)
    const wanted = asked ?? file.version_id
    const found = versions.find(it => it.id === wanted || (it.number !== null && String(it.number) === wanted))
    if (!found) throw notFound('version')
    return found
  }
}

function answer(bytes: Uint8Array, range: Range | undefined, headers: Readonly<Record<string, string>>): Response {
  const size = bytes.length
  if (!range) return body(bytes, 200, headers)
  const from = range.from ?? Math.max(0, size - (range.last ?? 0))
  const to = range.from === undefined ? size - 1 : Math.min(range.to ?? size - 1, size - 1)
  if (from >= size || from > to || range.last === 0) {
    throw new ApiError(
      'RANGE_NOT_SATISFIABLE',
      'range outside the file',
      { size },
      { 'Content-Range': `bytes */${size}` },
    )
  }
  return body(bytes.subarray(from, to + 1), 206, { ...headers, 'content-range': `bytes ${from}-${to}/${size}` })
}

function body(bytes: Uint8Array, status: number, headers: Readonly<Record<string, string>>): Response {
  return new Response(new Uint8Array(bytes), {
    status,
    headers: { ...headers, 'content-length': String(bytes.length) },
  })
}

function number(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d+$/.test(text)) throw invalid(['query', name], 'must be a whole number')
  return Number(text)
}

const asciiName = (name: string): string => name.replace(/[^\x20-\x7e]|["\\]/g, '_')
