/** Devices with the engine, of a file server in the same process, in one world whose clock the test moves. */
import { createHash } from 'node:crypto'
import type { MassDelete } from '../../../src/engine/ground.ts'
import { ioFor } from '../../../src/engine/io.ts'
import type { Rule, Value } from '../../../src/model.ts'
import { filesSandbox, type FilesOptions as SandboxOptions } from '../../../src/sandbox/files/sandbox.ts'
import {
  type FilesOptions,
  type FilesTransport,
  files,
  type NewPreference,
} from '../../../src/transports/files/index.ts'
import { type Device, deviceOf } from './device.ts'
import { type Fake, worldOf } from './kit.ts'

export type DriveWorld = ReturnType<typeof driveWorld>
export type DriveDevice = Awaited<ReturnType<DriveWorld['device']>>

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

export function driveWorld(knobs: SandboxOptions['knobs'] = {}) {
  const clock = worldOf()
  const server = filesSandbox({ world: { now: clock.now, sleep: async () => {}, random: () => 0.5 }, knobs })
  const owner = server.admin.addUser('Ada')
  const share = server.admin.addShare('Team', owner.user_id)
  const requests: { readonly device: string; readonly method: string; readonly path: string }[] = []

  const world = {
    ...clock,
    tabFor: (device: string) => {
      const tab = clock.tab()
      const fetch = async (request: Request) => {
        const path = new URL(request.url).pathname
        requests.push({ device, method: request.method, path })
        return server.fetch(request)
      }
      return { ...tab, platform: { ...tab.platform, fetch } }
    },
  }

  return {
    server,
    admin: server.admin,
    owner,
    share,
    world,
    requests,
    /** Live entries by path. */
    paths: () => (server.inspect().tree[share] ?? []).map(({ path }) => path),
    idAt: (path: string) => server.inspect().tree[share]?.find(it => it.path === path)?.id ?? `nothing at ${path}`,
    folder: (name: string, parent = share): Value => ({ share, parent, name, kind: 'folder' }),
    file: (name: string, text: string, parent = share): Value => ({
      ...{ share, parent, name, kind: 'file', mime: 'text/plain', modifiedAt: clock.now() },
      ...{ size: text.length, sha256: hashOf(text) },
    }),

    /** It has joined and seen what there is. */
    async device(
      id: string,
      { rule, onMassDelete, ...options }: Partial<FilesOptions> & { rule?: Rule; onMassDelete?: MassDelete } = {},
    ) {
      const where = options.shares === undefined ? { share } : {}
      const transport = files({ url: 'https://drive.test', ...where, token: () => owner.token, ...options })
      const device = await deviceOf({ transport } as unknown as Fake, {
        id,
        world: { ...world, tab: () => world.tabFor(id) },
        ...(rule !== undefined && { rule }),
        ...(onMassDelete !== undefined && { onMassDelete }),
      })
      const io = () => ioFor(device.on, { signal: device.on.signal })
      await transport.join!(io())
      await device.pull()
      return {
        ...device,
        transport: transport as FilesTransport,
        choose: (said: Partial<NewPreference>) => transport.api.setPreference({ share, ...said }, io()),
        /** Bytes go ahead, as a lane of the engine's would send them. */
        async upload(text: string) {
          const bytes = new TextEncoder().encode(text)
          const read = async (from: number, to: number) => bytes.slice(from, to)
          const key = {
            collection: 'tree',
            id: 'x',
            change: `up-${hashOf(text)}`,
            base: null,
            at: { time: 0, device: id },
          }
          const value = { share, parent: share, name: 'x', kind: 'file' }
          await transport.bodies!.upload({ ...key, value }, { size: bytes.length, sha256: hashOf(text), read }, io())
        },
        paths: async () => Object.keys(await pathsOf(device)),
      }
    },
  }
}

/** What the device shows, by path: its id. An entry whose folder is not there shows as an orphan. */
export async function pathsOf(device: Pick<Device, 'values'>): Promise<{ readonly [path: string]: string }> {
  const values = await device.values()
  const path = (id: string, above: readonly string[] = []): string => {
    const row = values[id]
    if (row === undefined || row === null) return '(orphan)'
    if (above.includes(id)) return '(circle)'
    return `${row.parent === row.share ? '' : path(String(row.parent), [...above, id])}/${row.name}`
  }
  const named = Object.keys(values).map((id): [string, string] => [path(id), id])
  return Object.fromEntries(named.sort(([one], [other]) => (one < other ? -1 : 1)))
}
