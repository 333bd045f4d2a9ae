/**
 * One device: a process with a SQLite store that keeps a share in step. The parent tells it what its user does.
 * All of Tidemark that an app needs is in this file.
 */
import type { Rule, Status } from '../src/index.ts'
import { open } from '../src/index.ts'
import { sqlite } from '../src/stores/sqlite.ts'
import { files, type TreeRow } from '../src/transports/files/index.ts'
import { obey } from './obey.ts'
import type { Act, Holding, Orders } from './orders.ts'
import { schemaWith } from './schema.ts'

const [name = '', store = '', url = '', share = '', token = '', rule = ''] = process.argv.slice(2)

const db = await open({
  store: sqlite(store),
  schema: schemaWith(rule as Rule),
  remotes: { drive: files({ url, share, folders: { pages: '/pages' }, token: () => token }) },
  device: { name },
})
const { tree, pages } = db.data
const { drive } = db.remotes

const orders: Orders = {
  async import(texts) {
    for (const [path, text] of Object.entries(texts)) {
      await createFile(path, text)
      await pages.put(path, { title: titleOf(text), words: text.split(/\s+/).length })
    }
  },
  pause: () => drive.pause(),
  resume: () => drive.resume(),
  sync,
  do: perform,
  show,
  inbox: () => db.conflicts.list(),
  async settle() {
    const open = await db.conflicts.list({ state: 'open' })
    for (const { id, local, theirs } of open) {
      const take = local.value === null ? 'remote' : theirs.value === null ? 'local' : 'both'
      await db.conflicts.resolve(id, { take })
    }
    return open.length
  },
  async close() {
    await db.close()
    process.disconnect()
  },
}

async function perform(act: Act): Promise<void> {
  switch (act.act) {
    case 'append': {
      const { id, text } = await fileAt(act.path)
      await tree.write(id, bytesOf(text + act.text))
      return
    }
    case 'rename': {
      const { id } = await fileAt(act.path)
      await tree.patch(id, { name: act.to })
      return
    }
    case 'delete': {
      const { id } = await fileAt(act.path)
      await tree.delete(id)
      return
    }
    case 'create':
      return createFile(act.path, act.text)
    case 'set':
      await pages.patch(act.page, act.fields)
      return
    case 'drop':
      await pages.delete(act.page)
  }
}

async function createFile(path: string, text: string): Promise<void> {
  const folders = path.split('/')
  const fileName = folders.pop() ?? ''
  let parent = share
  for (const folder of folders) parent = await folderIn(parent, folder)
  const entry: TreeRow = { share, parent, name: fileName, kind: 'file', mime: 'text/markdown' }
  await tree.write(crypto.randomUUID(), bytesOf(text), entry)
}

async function folderIn(parent: string, folder: string): Promise<string> {
  const siblings = await tree.where('parent').equals(parent).get()
  const found = siblings.find(({ value }) => value.name === folder)
  return found?.id ?? tree.add({ share, parent, name: folder, kind: 'folder' })
}

async function fileAt(path: string): Promise<{ id: string; text: string }> {
  const { paths } = await show()
  const id = Object.keys(paths).find(one => paths[one] === path)
  if (id === undefined) throw new Error(`${name} has no ${path}.`)
  return { id, text: textOf(await tree.read(id)) }
}

async function show(): Promise<Holding> {
  const entries = new Map((await tree.list()).map(({ id, value }) => [id, value]))
  const pathOf = (id: string): string => {
    const entry = entries.get(id)
    return entry === undefined ? '' : `${pathOf(entry.parent)}${entry.name}${entry.kind === 'folder' ? '/' : ''}`
  }
  const paths: { [id: string]: string } = {}
  const held: { [path: string]: string } = {}
  for (const [id, { kind }] of entries) {
    const path = pathOf(id)
    paths[id] = path
    held[path] = kind === 'folder' ? '' : textOf(await tree.read(id))
  }
  const records = await pages.list()
  return { files: held, paths, pages: Object.fromEntries(records.map(({ id, value }) => [id, value])) }
}

/** `sync` looks now; the status says when the look has ended and whether anything is left to do. */
async function sync(): Promise<Status> {
  const { pulledAt: before = 0 } = await drive.status.get()
  drive.sync()
  return new Promise((resolve, reject) => {
    const stop = drive.status.subscribe(status => {
      const done = status.phase === 'synced' || status.phase === 'needs-user'
      if (!done || (status.pulledAt ?? 0) <= before) return
      stop()
      resolve(status)
    }, reject)
  })
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
const titleOf = (text: string) => /^# (.+)$/m.exec(text)?.[1] ?? 'Untitled'

obey(orders)
