/** What the server holds, asked by plain HTTP, so that Tidemark is not its own witness. */
import type { Holding } from './orders.ts'
import type { Server } from './processes.ts'
import type { Page } from './schema.ts'

interface Item {
  readonly id: string
  readonly name: string
  readonly type: 'file' | 'folder'
}

export async function serverHolds({ url, token, share }: Server): Promise<Holding> {
  const files: { [path: string]: string } = {}
  const paths: { [id: string]: string } = {}
  const pages: { [id: string]: Page } = {}

  async function list(folder: string, path: string): Promise<void> {
    const { items } = (await (await get(`/folders/${folder}/children?share_id=${share}`)).json()) as { items: Item[] }
    for (const { id, name, type } of items) {
      const here = `${path}${name}${type === 'folder' ? '/' : ''}`
      const text = type === 'file' ? await (await get(`/sync/download/${id}`)).text() : ''
      // A records folder holds records as JSON in numbered files, beside one that says how many there are.
      if (here === 'pages/') await list(id, here)
      else if (path !== 'pages/') [files[here], paths[id]] = [text, here]
      else if (name !== '.tidemark.json')
        for (const record of JSON.parse(text) as { id: string; value: Page }[]) pages[record.id] = record.value
      if (type === 'folder' && here !== 'pages/') await list(id, here)
    }
  }

  async function get(route: string): Promise<Response> {
    const response = await fetch(`${url}/api/v1${route}`, { headers: { authorization: `Bearer ${token}` } })
    if (!response.ok) throw new Error(`The server answers ${response.status} to ${route}.`)
    return response
  }

  await list('root', '')
  return { files, paths, pages }
}
