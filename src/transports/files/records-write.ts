/** Writing one file of a records folder, or the folder itself, under compare-and-set. */
import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import { text } from '../shared/shape.ts'
import { type Refusal, readAnswer } from './answers.ts'
import type { Api } from './api.ts'
import { folderAt } from './places.ts'
import type { Item } from './plan.ts'
import { type RecordsFolder, segments } from './scope.ts'

interface Site {
  readonly api: Api
  readonly home: RecordsFolder
  readonly io: Io
}

export type Written = { readonly state: 'done'; readonly version: string } | 'again' | 'unclear' | Refusal

/** Creates the file, or replaces the version that was read. `again`: somebody else was faster. */
export async function writeFile(
  site: Site,
  folder: string,
  name: string,
  current: { readonly id: string; readonly version: string } | undefined,
  bytes: Uint8Array,
): Promise<Written> {
  const { api, home, io } = site
  const version_id = `ver_${io.uuid()}`
  const sha256 = await io.digest(bytes)
  const refusal = await uploadRefused(() => api.upload(home.share, version_id, bytes, sha256, io))
  if (refusal !== undefined) return refusal
  const path = `${home.path}/${name}`
  const metadata = {
    parent_id: folder,
    name,
    device_id: io.device.id,
    size: bytes.length,
    checksum_sha256: sha256,
    mime_type: 'application/json',
  }
  return applyOne(site, {
    resource_type: 'file',
    resource_id: current?.id ?? `fil_${io.uuid()}`,
    change_type: current ? 'updated' : 'created',
    version_id,
    base_version_id: current?.version ?? null,
    old_path: current ? path : null,
    new_path: path,
    metadata,
  })
}

/** A no to the bytes is the same no as to the change that would name them. */
async function uploadRefused(upload: () => Promise<void>): Promise<Refusal | undefined> {
  try {
    await upload()
    return undefined
  } catch (error) {
    const status = error instanceof SyncError ? error.details.status : undefined
    if (typeof status !== 'number' || ![403, 404, 413, 422, 507].includes(status)) throw error
    return { state: 'refused', status, code: undefined, index: undefined }
  }
}

/** The first part of the path that is not there yet. */
export async function makeFolder(site: Site): Promise<Written> {
  const { api, home, io } = site
  const names = segments(home.path)
  let parent = home.share
  for (const [at, name] of names.entries()) {
    const folder = await folderAt(api, home.share, names.slice(0, at + 1), io)
    if (folder === undefined) {
      return applyOne(site, {
        resource_type: 'folder',
        resource_id: `fld_${io.uuid()}`,
        change_type: 'created',
        version_id: `ver_${io.uuid()}`,
        base_version_id: null,
        old_path: null,
        new_path: `/${names.slice(0, at + 1).join('/')}`,
        metadata: { parent_id: parent === home.share ? null : parent, name, device_id: io.device.id },
      })
    }
    parent = folder
  }
  return 'again'
}

async function applyOne({ api, home, io }: Site, item: Item): Promise<Written> {
  const answer = readAnswer(await api.apply(home.share, [item], undefined, io))
  if (answer.state === 'refused') return answer.status === 409 ? 'again' : answer
  const outcome = text(answer.applied.get(item.version_id), 'outcome')
  if (outcome === 'applied') return { state: 'done', version: item.version_id }
  return outcome === undefined ? 'unclear' : 'again'
}
