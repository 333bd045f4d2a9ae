/** A small session whose worker ends somewhere in it. Runs in Node and in a page alike. */
import type { Note } from './app.ts'
import { type Scene, same, until } from './scene.ts'

/**
 * Whenever it ends: every acknowledged write arrives, everything goes on without anybody's help, and `synced` is never
 * said while something is missing there (law 9).
 */
export async function survives({ device, remote }: Scene): Promise<void> {
  const db = await device('laptop')
  const acknowledged: { [id: string]: Note } = {}
  const lies: string[] = []
  const looks: Promise<void>[] = []
  const stop = db.remotes.drive.status.subscribe(({ phase }) => {
    if (phase !== 'synced') return
    const promised = Object.keys(acknowledged)
    const look = async () => {
      const there = await remote('notes')
      for (const id of promised) if (!(id in there)) lies.push(`synced without ${id}`)
    }
    looks.push(look())
  })
  const put = async (id: string) => {
    const write = await db.data.notes.put(id, { title: id })
    await new Promise(resolve => setTimeout(resolve)) // a status from before the write is heard by now
    acknowledged[id] = { title: id }
    return write
  }
  const first = await put('n1')
  await put('n2')
  same(await first.settled(), 'accepted')
  const last = await put('n3')
  same(await last.settled(), 'accepted')
  db.remotes.drive.sync()
  await until('synced', async () => (await db.remotes.drive.status.get()).phase === 'synced')
  stop()
  await Promise.all(looks)
  same(lies, [])
  same(await remote('notes'), acknowledged)
  same((await db.data.notes.list()).length, 3)
}
