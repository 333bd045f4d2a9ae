/** Somebody else at the plant, and the witness of what the server holds: plain HTTP, nothing of Tidemark. */
import { PIPE, project, space, stream, token } from './model.ts'
import { type Sum, summing } from './sum.ts'

const PUMP = { type: 'view', space, externalId: 'Pump', version: 'v1' }
const READING = { type: 'container', space, externalId: 'Reading' }

interface Item {
  readonly externalId: string
  readonly type?: object
  readonly startNode?: object
  readonly endNode?: object
  readonly properties: { readonly [space: string]: { readonly [of: string]: object } }
}

export interface Held {
  readonly readings: Sum
  readonly pumps: Sum
  readonly pipes: Sum
  /** Of the graph as it comes over the wire. */
  readonly bytes: number
}

export function plantAt(url: string) {
  async function post(route: string, body: object): Promise<{ readonly json: unknown; readonly bytes: number }> {
    const response = await fetch(`${url}/api/v1/projects/${project}${route}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`The server answers ${response.status} to ${route}: ${text.slice(0, 300)}`)
    return { json: text === '' ? {} : JSON.parse(text), bytes: text.length }
  }

  const pumpItem = (externalId: string, properties: object) => ({
    ...{ instanceType: 'node', space, externalId },
    sources: [{ source: PUMP, properties }],
  })
  const pipeItem = (from: string, to: string) => ({
    ...{ instanceType: 'edge', space, externalId: `${from}-${to}`, type: PIPE },
    startNode: { space, externalId: from },
    endNode: { space, externalId: to },
  })

  /** All of a part of the graph, at most 10,000 at a time. */
  async function* instances(part: 'pumps' | 'pipes') {
    const found =
      part === 'pumps'
        ? { nodes: { filter: { hasData: [PUMP] } } }
        : { edges: { filter: { equals: { property: ['edge', 'type'], value: PIPE } } } }
    const select = part === 'pumps' ? { sources: [{ source: PUMP, properties: ['*'] }] } : {}
    for (let cursor: string | undefined; ; ) {
      const { json, bytes } = await post('/models/instances/query', {
        with: { [part]: { ...found, limit: 10_000 } },
        select: { [part]: select },
        ...(cursor !== undefined && { cursors: { [part]: cursor } }),
      })
      const { items, nextCursor } = json as Record<'items', Record<string, Item[]>> & {
        nextCursor: Record<string, string>
      }
      yield { items: items[part] ?? [], bytes }
      cursor = nextCursor[part]
      if (cursor === undefined) return
    }
  }

  return {
    /** `count` instances: pumps in a line, and from each to the next a pipe. */
    async build(count: number): Promise<void> {
      const pumps = Math.ceil(count / 2)
      const manual = 'Close the valve before the lid is opened. '.repeat(30)
      const all = [
        ...Array.from({ length: pumps }, (_, at) =>
          pumpItem(`p${at}`, { name: `Pump ${at}`, hall: at % 40, level: at / 4, manual }),
        ),
        ...Array.from({ length: count - pumps }, (_, at) => pipeItem(`p${at}`, `p${(at + 1) % pumps}`)),
      ]
      for (let at = 0; at < all.length; at += 1000) await post('/models/instances', { items: all.slice(at, at + 1000) })
    },
    setPump: (externalId: string, properties: object) =>
      post('/models/instances', { items: [pumpItem(externalId, properties)] }),
    dropPump: (externalId: string) =>
      post('/models/instances/delete', { items: [{ instanceType: 'node', space, externalId }] }),
    upsertReading: (externalId: string, properties: object) =>
      post(`/streams/${stream}/records/upsert`, {
        items: [{ space, externalId, sources: [{ source: READING, properties }] }],
      }),

    async holds(): Promise<Held> {
      const sums = { readings: summing(), pumps: summing(), pipes: summing() }
      const { json } = await post(`/streams/${stream}/records/filter`, { limit: 1000 })
      for (const { externalId, properties } of (json as { items: Item[] }).items) {
        sums.readings.add(`${space}:${externalId}`, properties[space]?.Reading ?? {})
      }
      let bytes = 0
      for (const part of ['pumps', 'pipes'] as const) {
        for await (const page of instances(part)) {
          bytes += page.bytes
          for (const { externalId, type, startNode, endNode, properties } of page.items) {
            const hanging = part === 'pipes' ? { $type: type, $startNode: startNode, $endNode: endNode } : {}
            sums[part].add(`${space}:${externalId}`, { ...hanging, ...properties[space]?.['Pump/v1'] })
          }
        }
      }
      return { readings: sums.readings.end(), pumps: sums.pumps.end(), pipes: sums.pipes.end(), bytes }
    },
  }
}

export type Plant = ReturnType<typeof plantAt>
