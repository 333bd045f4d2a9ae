/** The graph: pumps, and below each the pipes that leave it. */
import type { Item } from '../../src/index.ts'
import { readInstanceId } from '../../src/transports/cdf-instances/ids.ts'
import { act, button, h, keyed, offer, type Row, setText } from '../parts/dom.ts'
import { marks } from '../parts/marks.ts'
import { panel } from '../parts/panel.ts'
import type { PlantDb } from './readings.ts'
import { type Pipe, type Pump, pipeType } from './schema.ts'

interface Station extends Item<Pump> {
  readonly pipes: readonly Item<Pipe>[]
}

export function graphPanel({ data: { pumps, pipes }, outbox, conflicts }: PlantDb, space: string): HTMLElement {
  let nodes: readonly Item<Pump>[] = []
  let edges: readonly Item<Pipe>[] = []
  const idOf = (externalId: string) => `${space}:${externalId}`
  const nameOf = (externalId: string) =>
    nodes.find(({ id }) => id === idOf(externalId))?.value.name ?? 'a pump that is gone'

  const add = button('New pump', () =>
    pumps.put(idOf(`pump-${crypto.randomUUID().slice(0, 8)}`), { name: `Pump ${nodes.length + 1}`, level: 0 }),
  )
  const { element, list, show } = panel<Station>('Pumps and pipes', 'No pumps yet.', ({ id }) => id, makeRow, add)
  const mark = marks(list, outbox, conflicts)

  function draw(): void {
    const leaving = (id: string) => edges.filter(({ value }) => idOf(value.$startNode.externalId) === id)
    show(nodes.map(node => ({ ...node, pipes: leaving(node.id) })))
    mark()
  }
  pumps.live().subscribe(items => {
    nodes = items // not by name: a line must not move away from somebody who types its name
    draw()
  })
  pipes.live().subscribe(items => {
    edges = items
    draw()
  })
  return element

  function makeRow({ id }: Station): Row<Station> {
    const name = h('input', { label: 'Name', className: 'plain' })
    const level = h('input', { type: 'number', step: 'any', className: 'number' })
    const remove = button('×', () => pumps.delete(id), { className: 'quiet' })
    name.oninput = () => act(() => pumps.patch(id, { name: name.value }))
    level.oninput = () =>
      Number.isFinite(level.valueAsNumber) && act(() => pumps.patch(id, { level: level.valueAsNumber }))
    const to = h('select', { className: 'quiet' })
    to.onchange = () => act(() => connect(id, to.value))
    const below = h('ul', { className: 'pipes' })
    const shown = keyed<Item<Pipe>>(below, one => one.id, makePipe)
    const dot = h('span', { className: 'dot', role: 'img' })
    const element = h(
      'li',
      {},
      h('div', { className: 'line' }, dot, name, level, remove),
      h('div', { className: 'wraps below' }, below, to),
    )
    element.dataset.id = id
    return {
      element,
      show({ value, pipes }) {
        setText(name, value.name ?? '')
        setText(level, String(value.level ?? 0))
        level.ariaLabel = `Level of ${value.name}`
        remove.ariaLabel = `Delete ${value.name}`
        to.ariaLabel = `Pipe from ${value.name} to`
        shown(pipes)
        const taken = new Set(pipes.map(one => idOf(one.value.$endNode.externalId)))
        const free = nodes.filter(one => one.id !== id && !taken.has(one.id))
        offer(to, [
          { value: '', text: 'Pipe to…' },
          ...free.map(one => ({ value: one.id, text: one.value.name ?? '' })),
        ])
        to.value = ''
      },
    }
  }

  async function connect(from: string, to: string): Promise<void> {
    const [$startNode, $endNode] = [readInstanceId(from), readInstanceId(to)]
    if ($startNode === undefined || $endNode === undefined) return
    const id = idOf(`${$startNode.externalId}-${$endNode.externalId}`)
    await pipes.put(id, { $type: pipeType(space), $startNode, $endNode })
  }

  function makePipe({ id }: Item<Pipe>): Row<Item<Pipe>> {
    const name = h('span')
    const remove = button('×', () => pipes.delete(id), { className: 'quiet' })
    const element = h('li', { className: 'pipe' }, h('span', { className: 'dot', role: 'img' }), name, remove)
    element.dataset.id = id
    return {
      element,
      show({ value }) {
        const to = nameOf(value.$endNode.externalId)
        name.textContent = `→ ${to}`
        remove.ariaLabel = `Delete the pipe to ${to}`
      },
    }
  }
}
