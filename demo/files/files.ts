/** The files of a share as a tree: what is here, what is on its way, and what can be done with each. */
import type { Item, Transfer } from '../../src/index.ts'
import type { TreeRow } from '../../src/transports/files/sources.ts'
import { act, button, h, offer } from '../parts/dom.ts'
import { marks } from '../parts/marks.ts'
import { panel } from '../parts/panel.ts'
import { dropsInto } from './drag.ts'
import { lineRow } from './line.ts'
import { viewer } from './open.ts'
import type { LeftFolder } from './schema.ts'
import type { FilesDb, Selection } from './selection.ts'
import { type Entries, foldersBeside, freeName, type Line, linesOf } from './tree.ts'

export function filesPanel(db: FilesDb, share: string, { watch, keep }: Selection): HTMLElement {
  const { entries } = db.data
  let all: Entries = new Map()
  let left: readonly Item<LeftFolder>[] = []
  const folded = new Set<string>()
  const moving = new Map<string, Transfer>()
  const open = viewer(db)

  const target = h('select', { label: 'Folder for what is new' })
  const picker = h('input', { type: 'file', multiple: true, hidden: true, label: 'Files to upload' })
  picker.onchange = () =>
    act(async () => {
      await upload([...(picker.files ?? [])], target.value)
      picker.value = ''
    })
  const tools = h(
    'div',
    { className: 'buttons' },
    h('label', { className: 'quiet' }, 'New in ', target),
    button('Folder', () => addFolder(target.value), { label: 'New folder' }),
    button('Text', () => addText(target.value), { label: 'New text file' }),
    button('Upload…', () => picker.click()),
    button('8 MiB of noise', () => upload([noise()], target.value), { title: 'A file with 8 MiB of random bytes' }),
    picker,
  )

  const beside = (id: string) => foldersBeside(all, share, id)
  let closeLast = () => {}
  const actions = {
    ...{ open, rename, move, remove, keep, upload, fold, beside },
    moving: (id: string) => moving.get(id),
    opened(close: () => void) {
      closeLast()
      closeLast = close
    },
  }
  const { element, list, show } = panel<Line>(
    'Files',
    'No files yet.',
    ({ id }) => id,
    line => lineRow(line, actions),
  )
  const mark = marks(list, db.outbox, db.conflicts)
  list.before(tools)
  dropsInto(list, share, { move, upload })

  function draw(): void {
    show(linesOf(all, left, share, folded))
    offer(target, foldersBeside(all, share))
    mark()
  }
  entries.live().subscribe(items => {
    all = new Map(items.map(({ id, value }) => [id, value]))
    draw()
  })
  watch(folders => {
    left = folders
    draw()
  })
  db.remotes.drive.transfers.subscribe(transfers => {
    moving.clear()
    for (const one of transfers) if (one.arrived === undefined) moving.set(one.id, one)
    draw()
  })
  return element

  // Ids of the server's own form are kept by it.
  async function addFolder(parent: string): Promise<void> {
    const name = freeName(all, parent, 'New folder')
    await entries.add({ share, parent, name, kind: 'folder' }, `fld_${crypto.randomUUID()}`)
  }

  async function addText(parent: string): Promise<void> {
    const name = freeName(all, parent, 'Untitled.txt')
    await upload([new File([], name, { type: 'text/plain' })], parent)
  }

  /** A file of the same name is a new version of it. */
  async function upload(files: readonly File[], parent: string): Promise<void> {
    mustBeHere(parent)
    for (const file of files) {
      const same = [...all].find(([, one]) => one.parent === parent && one.name === file.name && one.kind === 'file')
      const place: TreeRow = { share, parent, name: file.name, kind: 'file', ...(file.type && { mime: file.type }) }
      if (same) await entries.write(same[0], file)
      else await entries.write(`fil_${crypto.randomUUID()}`, file, place)
    }
  }

  async function rename(id: string, name: string): Promise<void> {
    await entries.patch(id, { name })
  }

  async function move(id: string, parent: string): Promise<void> {
    if (!beside(id).some(({ value }) => value === parent)) throw new Error('A folder cannot be moved into itself.')
    if (all.get(id)?.parent !== parent) await entries.patch(id, { parent })
  }

  async function remove(id: string): Promise<void> {
    await entries.delete(id)
  }

  function mustBeHere(folder: string): void {
    if (folder !== share && !all.has(folder)) throw new Error('This device does not keep that folder.')
  }

  function fold(id: string): void {
    if (!folded.delete(id)) folded.add(id)
    draw()
  }
}

function noise(): File {
  const bytes = new Uint8Array(8 * 1024 ** 2)
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  return new File([bytes], `noise ${new Date().toISOString().slice(11, 19).replaceAll(':', '')}.bin`)
}
