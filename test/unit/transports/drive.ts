/** A file server with one share and clients of it, for the tests of the files transport. */
import { createHash } from 'node:crypto'
import type { Change, Receipt, RemoteRecord, Value } from '../../../src/model.ts'
import { filesSandbox, type FilesOptions as SandboxOptions } from '../../../src/sandbox/files/sandbox.ts'
import { files } from '../../../src/transports/files/index.ts'
import { bodyOf, type Client, client } from '../../conformance/transport-io.ts'

export type Drive = ReturnType<typeof drive>
/** Another server that follows the same contract: what it answers instead. */
export type Tamper = (url: URL, answer: Response, request: Request) => Response | Promise<Response>
type Options = Partial<Parameters<typeof files>[0]>

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

export function drive(knobs: SandboxOptions['knobs'] = {}) {
  let time = 1_777_708_800_000
  let changes = 0
  const world = { now: () => time++, sleep: async () => {}, random: () => 0.5 }
  const server = filesSandbox({ world, knobs })
  const owner = server.admin.addUser('Ada')
  const share = server.admin.addShare('Team', owner.user_id)

  return {
    server,
    admin: server.admin,
    owner,
    share,
    now: () => time,
    pass: (ms: number) => {
      time += ms
    },

    /** A client that has joined and pulled. */
    async device(id = 'device-1', options: Options = {}, tamper?: Tamper): Promise<Client> {
      const one = this.stranger(id, options, tamper)
      await one.transport.join!(one.io())
      await one.pull()
      return one
    },

    stranger(id = 'device-1', options: Options = {}, tamper: Tamper = (_, answer) => answer): Client {
      const where = options.shares === undefined ? { share } : {}
      const fetch = async (request: Request) => tamper(new URL(request.url), await server.fetch(request), request)
      const transport = files({ url: 'https://drive.example', ...where, token: () => owner.token, ...options })
      return client({ transport, fetch, now: () => time, device: { id, name: 'Laptop' } })
    },

    file(name: string, text: string, parent = share): Value {
      const size = new TextEncoder().encode(text).length
      return { share, parent, name, kind: 'file', size, sha256: sha256(text), mime: 'text/plain', modifiedAt: time }
    },

    folder: (name: string, parent = share): Value => ({ share, parent, name, kind: 'folder' }),

    change(id: string, value: Value | null, base?: RemoteRecord, collection = 'tree'): Change {
      const at = { time, device: 'device-1' }
      const was = base ? { value: base.value, version: base.version } : null
      return { collection, id, change: `change-${String(++changes).padStart(4, '0')}`, value, base: was, at }
    },

    async send(from: Client, ...list: Change[]): Promise<readonly Receipt[]> {
      const { receipts, private: rows } = await from.transport.push!.send(list, from.io())
      if (rows) from.commitRows(rows)
      for (const receipt of receipts) {
        const change = list.find(it => it.change === receipt.change)
        if (receipt.state !== 'accepted' || change === undefined) continue
        const { collection, id, value } = change
        from.agree(receipt.remote ?? { collection, id: receipt.id ?? id, value, version: receipt.version })
      }
      return receipts
    },

    async upload(from: Client, change: Change, text: string): Promise<void> {
      await from.transport.bodies!.upload(change, bodyOf(text), from.io())
    },

    /** Paths of what is live on the server. */
    paths: () => server.inspect().tree[share]?.map(({ path }) => path),

    text(path: string): string {
      const node = server.inspect().tree[share]?.find(it => it.path === path)
      return new TextDecoder().decode(server.inspect().bytes(node?.sha256 ?? ''))
    },
  }
}

export const states = (receipts: readonly Receipt[]): string[] => receipts.map(({ state }) => state)

/** The same answer with another body. */
export async function rewritten(
  answer: Response,
  change: (body: Record<string, unknown>) => unknown,
): Promise<Response> {
  const body = change(JSON.parse(await answer.text()) as Record<string, unknown>)
  return Response.json(body, { status: answer.status })
}
