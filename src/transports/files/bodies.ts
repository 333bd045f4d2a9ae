import { SyncError } from '../../errors.ts'
import type { Bodies } from '../../transport.ts'
import type { Api } from './api.ts'
import { versionOf } from './ids.ts'
import { asTreeRow, realVersion } from './wire.ts'

/** Whole files both ways, pinned to a version (section 5). The engine checks the hash; here only the length is. */
export function bodies(api: Api): Bodies {
  return {
    async download({ id }, { value, version }, io) {
      const row = asTreeRow(value)
      const size = row?.size
      const most = size ?? Number.MAX_SAFE_INTEGER
      const bytes = await api.download(id, realVersion(version), { most, html: /html/i.test(row?.mime ?? '') }, io)
      if (size !== undefined && bytes.length !== size) {
        throw new SyncError('truncated', `A download has ${bytes.length} of ${size} bytes. It will be tried again.`)
      }
      return bytes
    },

    async upload({ change, value }, bytes, io) {
      const row = asTreeRow(value)
      if (row === undefined) return // deleted meanwhile: nothing will name these bytes
      await api.upload(row.share, versionOf(change), bytes, await io.digest(bytes), io)
    },
  }
}
