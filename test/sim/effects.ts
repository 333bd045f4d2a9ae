/** What the requests of a device do at the server, against what its users did: in their order, and no more than that. */
import { serverCells } from './evidence.ts'
import type { Sending } from './network.ts'
import type { TreeNode } from './server.ts'
import type { Sim } from './sim.ts'

interface Snapshot {
  readonly cells: ReadonlyMap<string, string>
  readonly notes: ReadonlySet<string>
  readonly nodes: readonly TreeNode[]
}

interface Item {
  readonly change_type: string
  readonly resource_id: string | null
  readonly old_path: string | null
  readonly new_path: string | null
  readonly metadata?: { readonly parent_id?: string | null }
}

export function watchEffects(sim: Sim): void {
  const { world, network, server, history } = sim
  /** By device and cell: the latest of its own writes that took effect. */
  const latest = new Map<string, number>()
  /** Every folder and file that the server ever had. */
  const ever = new Set<string>()

  network.onArrival.push(sending => {
    if (!/\/(apply|send)$/.test(sending.url.pathname)) return undefined
    const before = snapshot()
    for (const { id } of before.nodes) ever.add(id)
    const items = sim.options.remote === 'files' ? itemsOf(sending) : []
    parentsFirst(sending, items)
    return () => {
      const after = snapshot()
      for (const { id } of after.nodes) ever.add(id)
      noMoreDeletes(sending, before, after)
      if (sim.options.remote !== 'open-box') inOrder(sending, before, after)
    }
  })

  const snapshot = (): Snapshot => ({
    cells: serverCells(sim),
    notes: new Set(server.notes().keys()),
    nodes: sim.options.tree ? server.nodes() : [],
  })

  /** I10: a device deletes what its users deleted, and what lies in a folder that they deleted. */
  function noMoreDeletes({ machine, at }: Sending, before: Snapshot, after: Snapshot): void {
    const wipedAt = sim.devices.find(one => one.name === machine)?.wipedAt ?? 0
    const since = at > wipedAt ? wipedAt : 0
    const meant = new Set(
      history.deletes.filter(one => one.by === machine && one.at <= at && one.at >= since).map(one => one.record),
    )
    for (const id of before.notes)
      if (!after.notes.has(id) && !meant.has(`notes/${id}`))
        world.fail('I10', `${machine} deletes note ${id}, which nobody there deleted`)
    const left = new Set(after.nodes.map(({ id }) => id))
    const folders = before.nodes.filter(({ id }) => meant.has(`tree/${id}`)).map(({ path }) => `${path}/`)
    for (const { id, path } of before.nodes)
      if (!left.has(id) && !meant.has(`tree/${id}`) && !folders.some(folder => path.startsWith(folder)))
        world.fail('I10', `${machine} deletes ${path}, which nobody there deleted`)
  }

  /** I8: what one device wrote into a cell takes effect in the order in which it was written. */
  function inOrder({ machine }: Sending, before: Snapshot, after: Snapshot): void {
    for (const [cell, value] of after.cells) {
      if (before.cells.get(cell) === value || history.revived.has(value)) continue
      const write = history.writes.find(one => one.value === value)
      if (write?.by !== machine || write.cell !== cell) continue
      const key = `${machine} ${cell}`
      const last = latest.get(key) ?? -1
      if (write.n < last)
        world.fail('I8', `${machine} puts ${value} into ${cell} after ${history.writes[last]?.value}, which came later`)
      else latest.set(key, write.n)
    }
  }

  /** I8: a folder is there before what goes into it, and goes after what was deleted in it. */
  function parentsFirst({ machine }: Sending, items: readonly Item[]): void {
    const made = new Set<string>()
    const gone: string[] = []
    for (const { change_type, resource_id, old_path, metadata } of items) {
      const parent = metadata?.parent_id
      if (change_type !== 'deleted' && parent != null && !ever.has(parent) && !made.has(parent))
        world.fail('I8', `${machine} puts ${resource_id} into ${parent}, which was never there`)
      if (change_type === 'created' && resource_id !== null) made.add(resource_id)
      if (change_type !== 'deleted' || old_path === null) continue
      const above = gone.find(path => old_path.startsWith(`${path}/`))
      if (above !== undefined) world.fail('I8', `${machine} deletes ${above} before ${old_path}`)
      gone.push(old_path)
    }
  }
}

/** What is asked of the tree; shards are files too, and not meant. */
function itemsOf({ body }: Sending): readonly Item[] {
  const { changes } = JSON.parse(new TextDecoder().decode(body)) as { readonly changes: readonly Item[] }
  return changes.filter(({ new_path, old_path }) => !/^\/notes(\/|$)/.test(new_path ?? old_path ?? ''))
}
