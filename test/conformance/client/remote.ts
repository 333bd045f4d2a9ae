/** The remote of the client suite: the sandbox's file server, and a way to look at what it holds. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { filesSandbox } from '../../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../../src/sandbox/real-world.ts'
import { serve } from '../../../src/sandbox/serve.ts'

export interface Remote {
  /** Answers whoever plays the suite, be it in a browser; see `scene.ts`. */
  readonly control: string
  /** The API's own address. */
  readonly url: string
  close(): Promise<void>
}

/** What a new user gets. */
export interface Account {
  readonly url: string
  readonly share: string
  readonly token: string
}

export async function remote(): Promise<Remote> {
  const sandbox = filesSandbox({ world: realWorld })
  const served = await serve({ files: sandbox })

  function account(): Account {
    const { user_id, token } = sandbox.admin.addUser('Ada')
    return { url: served.urls.files, token, share: sandbox.admin.addShare('Documents', user_id) }
  }

  /** The records of a folder, read without the library. */
  function folder(share: string, name: string): { [id: string]: unknown } {
    const { tree, bytes } = sandbox.inspect()
    const shards = (tree[share] ?? []).filter(({ path }) => path.startsWith(`/${name}/`) && /\/\d+\.json$/.test(path))
    const records = shards.flatMap(({ sha256 }) => {
      const text = new TextDecoder().decode(bytes(sha256!))
      return JSON.parse(text) as { readonly id: string; readonly value: unknown }[]
    })
    return Object.fromEntries(records.map(({ id, value }) => [id, value]))
  }

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://control')
    const answer =
      pathname === '/account' ? account() : folder(searchParams.get('share') ?? '', searchParams.get('folder') ?? '')
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    url: served.urls.files,
    control: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await Promise.all([new Promise(resolve => server.close(resolve)), served.close()])
    },
  }
}
