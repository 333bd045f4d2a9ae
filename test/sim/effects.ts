/** What the requests of a device do at the server, against what its users did: in their order, and no more than that. */
import { serverCells } from './evidence.ts'
import { nodeCells } from './history.ts'
import type { Sending } from './network.ts'
import { guards } from './plan.ts'
import { isPush } from './routes.ts'
import type { TreeNode } from './server.ts'
import type { Sim } from './sim.ts'

interface Snapshot {
  readonly cells: ReadonlyMap<string, string>
  /** As `collection/id`. */
  readonly records: ReadonlySet<string>
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
  const unguarded = !guards(sim.options.remote)
  /** By device and cell: the latest of its own writes that took effect. */
  const latest = new Map<string, number>()
  /** `cell value` of all that ever took effect. */
  const shown = new Set<string>()
  /** By cell: who put there what is there, or what was there until somebody else took it away. */
  const made = new Map<string, { readonly value: string; readonly machine: string; readonly goneBy?: string }>()
  /** Records whose delete took effect; where nothing is guarded it may be run over, and is then put back. */
  const deleted = new Set<string>()
  /** Every folder and file that the server ever had. */
  const ever = new Set<string>()

  /** Requests that were there before: the network delivers some twice. */
  const arrived = new Set<Sending>()
  /** By device and value: when an answer first, and when one last, brought it there. */
  const told = new Map<string, { readonly first: number; readonly last: number }>()
  /** `cell value`, and since when the server has it again. */
  const back = new Map<string, number>()
  const { remote } = sim.options
  const watched = remote === 'cdf-records' || remote === 'purging-box' || remote === 'open-box'
  if (watched)
    network.onAnswer.push(({ machine, answer }) => {
      const last = world.elapsed()
      for (const [token] of new TextDecoder().decode(answer).matchAll(/t\d+[a-z]+\d*/g)) {
        const key = `${machine} ${token}`
        told.set(key, { first: told.get(key)?.first ?? last, last })
        history.unseen.delete(history.untold.get(key) ?? '')
      }
    })

  network.onArrival.push(sending => {
    if (!isPush(sending)) return undefined
    const again = arrived.has(sending)
    arrived.add(sending)
    const before = snapshot()
    for (const node of before.nodes) {
      ever.add(node.id)
      if (node.version_id !== null) history.met.set(node.version_id, nodeCells(node, history.bytes))
    }
    const items = remote === 'files' ? itemsOf(sending) : []
    parentsFirst(sending, items)
    return () => {
      const after = snapshot()
      for (const { id } of after.nodes) ever.add(id)
      noMoreDeletes(sending, before, after)
      madeAgain(sending, before, after)
      ranOver(sending, before, after, again)
      if (!unguarded) inOrder(sending, before, after)
    }
  })

  const snapshot = (): Snapshot => ({
    cells: serverCells(sim),
    records: new Set([...namesIn('notes', server.notes()), ...namesIn('links', server.links())]),
    nodes: sim.options.tree ? server.nodes() : [],
  })

  const wipedAt = (machine: string) => sim.devices.find(one => one.name === machine)?.wipedAt ?? 0

  /** I10: a device deletes what its users deleted, and what lies in a folder that they deleted. */
  function noMoreDeletes({ machine, at }: Sending, before: Snapshot, after: Snapshot): void {
    const wiped = wipedAt(machine)
    const since = at > wiped ? wiped : 0
    const meant = new Set(
      history.deletes.filter(one => one.by === machine && one.at <= at && one.at >= since).map(one => one.record),
    )
    for (const record of before.records) {
      if (after.records.has(record)) continue
      if (!meant.has(record) && !(unguarded && deleted.has(record)))
        world.fail('I10', `${machine} deletes ${record}, which nobody there deleted`)
      deleted.add(record)
    }
    const left = new Set(after.nodes.map(({ id }) => id))
    const folders = before.nodes.filter(({ id }) => meant.has(`tree/${id}`)).map(({ path }) => `${path}/`)
    for (const { id, path } of before.nodes)
      if (!left.has(id) && !meant.has(`tree/${id}`) && !folders.some(folder => path.startsWith(folder)))
        world.fail('I10', `${machine} deletes ${path}, which nobody there deleted`)
  }

  /** Not judged here, only noted: what takes effect again, and creations that come again after somebody deleted them. */
  function madeAgain({ machine }: Sending, before: Snapshot, after: Snapshot): void {
    for (const [cell, value] of before.cells) {
      const maker = made.get(cell)
      if (!after.cells.has(cell) && maker?.value === value) made.set(cell, { ...maker, goneBy: machine })
    }
    for (const [cell, value] of after.cells) {
      if (before.cells.get(cell) === value) continue
      const maker = made.get(cell)
      if (maker?.goneBy !== undefined && rootOf(value) !== rootOf(maker.value))
        history.relived.add(`${cell} ${maker.value}`)
      if (maker?.value === value && maker.machine === machine && maker.goneBy !== undefined && maker.goneBy !== machine)
        history.remade.add(`${cell} ${value}`)
      if (shown.has(`${cell} ${value}`)) {
        history.shownAgain.add(`${cell} ${value}`)
        back.set(`${cell} ${value}`, world.elapsed())
      }
      shown.add(`${cell} ${value}`)
      made.set(cell, { value, machine })
    }
  }

  /** What the first writer of this life put there. */
  function rootOf(value: string): string | undefined {
    let root = history.writes.find(one => one.value === value)
    for (let hops = 0; root?.over != null && hops < history.writes.length; hops++) {
      const { over } = root
      root = history.writes.find(one => one.value === over)
    }
    return root?.value ?? undefined
  }

  /** Not judged here: what a device ran over, although nothing had shown it that, at a remote that tells its present only. */
  function ranOver({ machine, at }: Sending, before: Snapshot, after: Snapshot, again: boolean): void {
    if (!watched) return
    for (const [cell, value] of before.cells) {
      if (after.cells.get(cell) === value) continue
      const seen = told.get(`${machine} ${value}`)?.first
      const own = history.writes.some(write => write.value === value && write.by === machine)
      const blind = !own && (seen === undefined || seen > at)
      if (remote === 'purging-box') {
        if (blind) history.mistaken.add(`${cell} ${value}`)
        continue
      }
      if (blind) history.unseen.add(`${cell} ${value}`)
      // A request that comes a second time takes away what was made since, and looks like anybody's.
      if (again && own) history.unseen.add(`${cell} ${value}`)
      if (remote === 'open-box') {
        if (again) history.overrun.add(`${cell} ${value}`)
        // A wiped disk knows nothing of what was sent before: neither that it was its own, nor that it came late.
        const forgot = at < wipedAt(machine)
        if (blind && !forgot) history.untold.set(`${machine} ${value}`, `${cell} ${value}`)
        continue
      }
      if (again && !after.cells.has(cell)) history.unseen.add(`${cell} ${value}`)
      const since = back.get(`${cell} ${value}`)
      const deleter = history.writes.find(write => write.cell === cell && write.value === null && write.over === value)
      if (since === undefined || deleter === undefined || deleter.by === machine) continue
      // It came back, and went on from there before who had deleted it saw that: to them it is a record made anew.
      if ((told.get(`${deleter.by} ${value}`)?.last ?? 0) < since) history.unseen.add(`${cell} the delete of ${value}`)
    }
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

const namesIn = (collection: string, rows: ReadonlyMap<string, unknown>): string[] =>
  [...rows.keys()].map(id => `${collection}/${id}`)

/** What is asked of the tree; shards are files too, and not meant. */
function itemsOf({ body }: Sending): readonly Item[] {
  const { changes } = JSON.parse(new TextDecoder().decode(body)) as { readonly changes: readonly Item[] }
  return changes.filter(({ new_path, old_path }) => !/^\/notes(\/|$)/.test(new_path ?? old_path ?? ''))
}
