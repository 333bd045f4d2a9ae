/** What the server holds, asked by plain HTTP and without the library. */
import type { Held } from './app.ts'
import type { Account } from './devices.ts'

interface Item {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly checksum_sha256?: string
}

export async function look({ url, share, token }: Account): Promise<Held[]> {
  const ask = async (path: string): Promise<never> => {
    const answer = await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}.`)
    return (await answer.json()) as never
  }

  async function below(folder: string, path: string): Promise<Held[]> {
    const { items } = (await ask(`/folders/${folder}/children?share_id=${share}`)) as { items: Item[] }
    const found: Held[] = []
    for (const { id, name, type, checksum_sha256 } of items) {
      found.push({ id, path: `${path}/${name}`, kind: type, ...(checksum_sha256 && { sha256: checksum_sha256 }) })
      if (type === 'folder') found.push(...(await below(id, `${path}/${name}`)))
    }
    return found
  }

  return below('root', '')
}
