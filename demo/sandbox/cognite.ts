/** A project of Cognite Data Fusion with a plant for each game, and a clock that can be set. */
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import type { Weather } from '../../src/sandbox/weather.ts'
import type { Routes } from './routes.ts'

export interface CognitePlace {
  readonly url: string
  readonly project: string
  /** The plant that is played on: a space, and a stream of the same name. */
  readonly play: string
  /** By device, so that the server can tell them apart. */
  readonly tokens: { readonly [device: string]: string }
  /** How far the clock is ahead, in milliseconds. */
  readonly ahead: number
}

export interface Passed {
  readonly ahead: number
}

interface Held {
  readonly id: string
  readonly name: string
  readonly text: string
}

export interface CogniteSeen {
  readonly items: readonly Held[]
  /** Milliseconds since 1970 by the server's clock. */
  readonly now: number
  /** How often each device began to read everything. */
  readonly walks: readonly { readonly device: string; readonly graph: number; readonly stream: number }[]
}

const day = 24 * 3_600_000
const devices = ['laptop', 'phone']

export function cognite(weather: Weather) {
  let ahead = 0
  const world = { ...realWorld, now: () => Date.now() + ahead }
  const sandbox = cogniteSandbox({ world, weather, project: 'playground' })
  const { admin, inspect } = sandbox
  const began = new Map<string, number>()
  let last: string | undefined

  function build(): string {
    const space = `plant-${Date.now().toString(36)}`
    admin.addSpace(space)
    for (const device of devices) admin.addToken(tokenOf(space, device))
    const type = (name: string) => ({ type: { type: name } })
    const reading = { value: type('float64'), note: type('text') }
    admin.addContainer({ space, externalId: 'Reading', usedFor: 'record', properties: reading })
    admin.addStream(space, 'BasicLiveData')
    const pump = { name: type('text'), level: type('float64') }
    admin.addContainer({ space, externalId: 'Pump', usedFor: 'node', properties: pump })
    const container = { type: 'container', space, externalId: 'Pump' }
    const properties = Object.keys(pump).map(name => [name, { container, containerPropertyIdentifier: name }])
    admin.addView({ space, externalId: 'Pump', version: 'v1', properties: Object.fromEntries(properties) })
    last = space
    return space
  }

  async function furnish(space: string): Promise<void> {
    const source = { type: 'view', space, externalId: 'Pump', version: 'v1' }
    const at = (externalId: string) => ({ space, externalId })
    const pumps = ['North', 'South', 'West'].map((name, level) => ({
      ...{ instanceType: 'node', ...at(name.toLowerCase()) },
      sources: [{ source, properties: { name, level: level + 1 } }],
    }))
    const pipe = { instanceType: 'edge', type: at('pipe') }
    const ends = { startNode: at('north'), endNode: at('south') }
    await admin.apply({ items: [...pumps, { ...pipe, ...at('north-south'), ...ends }] })
    const container = { type: 'container', space, externalId: 'Reading' } as const
    const properties = { value: 20.5, note: '' }
    await admin.ingest(space, [{ ...at('reading-1'), sources: [{ source: container, properties }] }])
  }

  async function place(asked: string | null | undefined): Promise<Omit<CognitePlace, 'url'>> {
    let play = asked === null ? last : asked
    if (play === undefined || !inspect().streams.some(({ externalId }) => externalId === play)) {
      play = build()
      await furnish(play)
    }
    const tokens = Object.fromEntries(devices.map(device => [device, tokenOf(String(play), device)]))
    return { project: sandbox.project, play, tokens, ahead }
  }

  function seen(space: string): CogniteSeen {
    const here = inspect()
      .instances()
      .filter(one => one.space === space)
    const pumps = here.filter(({ instanceType }) => instanceType === 'node')
    const fields = ({ data }: (typeof here)[number]) => data[space]?.Pump ?? {}
    const pipesOf = (from: string) => here.filter(({ startNode }) => startNode?.externalId === from)
    const nameOf = (id = '') => {
      const pump = pumps.find(({ externalId }) => externalId === id)
      return String((pump && fields(pump).name) ?? id)
    }
    const count = (device: string, part: string) => began.get(`${tokenOf(space, device)} ${part}`) ?? 0
    const readings = inspect()
      .records(space)
      .filter(({ status }) => status !== 'deleted')
      .map(({ externalId, properties }): Held => {
        const { value, note } = properties?.[space]?.Reading ?? {}
        return { id: `reading ${externalId}`, name: externalId, text: `${value}${note ? ` · ${note}` : ''}` }
      })
    const stations = pumps.map((pump): Held => {
      const pipes = pipesOf(pump.externalId).map(({ endNode }) => `→ ${nameOf(endNode?.externalId)}`)
      const text = [`level ${fields(pump).level}`, ...pipes].join(' · ')
      return { id: `pump ${pump.externalId}`, name: nameOf(pump.externalId), text }
    })
    const byName = (one: Held, other: Held) => one.name.localeCompare(other.name) || one.text.localeCompare(other.text)
    return {
      items: [...readings.sort(byName), ...stations.sort(byName)],
      now: world.now(),
      walks: devices.map(device => ({ device, graph: count(device, 'graph'), stream: count(device, 'stream') })),
    }
  }

  /** Whoever asks without a cursor begins to read everything. */
  async function overWire(request: Request): Promise<Response> {
    const part = /\/(instances|records)\/sync$/.exec(new URL(request.url).pathname)?.[1]
    if (part !== undefined && request.method === 'POST') {
      const token = request.headers.get('authorization')?.slice('Bearer '.length)
      const { cursor, cursors } = (await request.clone().json()) as { cursor?: unknown; cursors?: object }
      const name = `${token} ${part === 'instances' ? 'graph' : 'stream'}`
      if (cursor === undefined && Object.keys(cursors ?? {}).length === 0) began.set(name, (began.get(name) ?? 0) + 1)
    }
    return sandbox.overWire(request)
  }

  const routes = (url: string): Routes => ({
    'GET cognite/place': async ({ query }) => ({ url, ...(await place(query.get('play'))) }),
    'POST cognite/place': async () => ({ url, ...(await place(undefined)) }),
    'GET cognite/seen': ({ query }) => seen(query.get('play') ?? ''),
    'POST cognite/pass'({ body }): Passed {
      ahead += (body as { readonly days: number }).days * day
      return { ahead }
    },
  })

  return { sandbox: { ...sandbox, overWire }, routes }
}

const tokenOf = (space: string, device: string) => `${space}-${device}`
