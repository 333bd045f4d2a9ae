/** The servers of the playground, and the little that its pages may ask: where they are, what the file server holds, the weather. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { airweaveSandbox } from '../src/sandbox/airweave/sandbox.ts'
import { cogneeSandbox } from '../src/sandbox/cognee/sandbox.ts'
import { filesSandbox } from '../src/sandbox/files/sandbox.ts'
import { realWorld } from '../src/sandbox/real-world.ts'
import { serve } from '../src/sandbox/serve.ts'
import { sqlite } from '../src/sandbox/sqlite.ts'
import { weather } from '../src/sandbox/weather.ts'
import type { JobsPlace } from './jobs/schema.ts'
import type { Place, Seen, Weather } from './stage/asks.ts'

export interface PlaygroundSandbox {
  readonly url: string
  /** `GET place`, `POST place` (a new, empty share), `GET seen?share=`, `POST weather`, `GET jobs`. */
  answer(request: IncomingMessage, response: ServerResponse): void
  close(): Promise<void>
}

export async function sandbox(db: string): Promise<PlaygroundSandbox> {
  const conditions = weather(realWorld)
  const files = filesSandbox({ world: realWorld, weather: conditions, db: sqlite(db) })
  // Slow enough to be watched.
  const airweave = airweaveSandbox({ world: realWorld, knobs: { startAfter: 1_000, perEntity: 300 } })
  const cognee = cogneeSandbox({ world: realWorld, knobs: { perDataset: 4_000 } })
  const { urls, close } = await serve({ files, airweave, cognee })
  const [known] = files.inspect().tokens
  const { user_id, token } = known ?? files.admin.addUser('Ada')

  const place = (share: string): Place => ({ url: urls.files, share, token })

  function newShare(): Place {
    return place(files.admin.addShare(`Playground ${files.inspect().shares.length + 1}`, user_id))
  }

  function lastShare(): Place {
    const share = files.inspect().shares.at(-1)
    return share === undefined ? newShare() : place(share.id)
  }

  const readable = airweave.admin.addCollection('Documents', 'documents')
  for (const [name, entity_count] of [
    ['Wiki', 25],
    ['Tickets', 60],
  ] as const) {
    airweave.admin.connect(readable, { short_name: 'incremental_stub', name, config: { entity_count } })
  }
  const ada = cognee.admin.addUser('ada@example.com')
  for (const name of ['Reports', 'Letters', 'Minutes']) {
    const dataset = cognee.admin.addDataset(ada.user_id, name)
    for (let n = 1; n <= 5; n++) cognee.admin.addData(dataset, `${name}-${n}.md`, `# ${name} ${n}\n`)
  }
  const jobs: JobsPlace = {
    airweave: { url: urls.airweave, key: airweave.admin.addKey(), collection: readable },
    cognee: {
      url: urls.cognee,
      key: ada.key,
      cloud: { url: `${urls.cognee}/cloud`, key: cognee.inspect().cloudKey },
    },
  }

  /** The notes as they lie in the share's shards; see src/transports/files/shards.ts. */
  function seen(share: string): Seen {
    const { tree, bytes, devices } = files.inspect()
    const shards = (tree[share] ?? []).filter(({ path }) => /^\/notes\/\d+\.json$/.test(path))
    const notes = shards.flatMap(({ sha256 }) => {
      const held = sha256 === null ? undefined : bytes(sha256)
      return held === undefined ? [] : (JSON.parse(new TextDecoder().decode(held)) as Seen['notes'])
    })
    return { notes, devices: devices.length }
  }

  function setWeather({ slow, refuse, lose, deaf }: Weather): Weather {
    conditions.set({ latency: slow ? [400, 1600] : [0, 0], refuse: refuse ? 0.3 : 0, lose: lose ? 0.3 : 0, deaf })
    return { slow, refuse, lose, deaf }
  }

  async function dispatch(method: string, url: URL, body: () => Promise<unknown>): Promise<unknown> {
    switch (`${method} ${url.pathname}`) {
      case 'GET /place':
        return lastShare()
      case 'POST /place':
        return newShare()
      case 'GET /jobs':
        return jobs
      case 'GET /seen':
        return seen(url.searchParams.get('share') ?? '')
      case 'POST /weather':
        return setWeather((await body()) as Weather)
      default:
        return undefined
    }
  }

  return {
    url: urls.files,
    answer(request, response) {
      const url = new URL(request.url ?? '/', 'http://playground')
      dispatch(request.method ?? 'GET', url, () => jsonOf(request)).then(
        answer => {
          response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
          response.end(JSON.stringify(answer ?? null))
        },
        error => {
          response.writeHead(400, { 'content-type': 'text/plain' })
          response.end(String(error))
        },
      )
    },
    close,
  }
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of request) text += part
  return JSON.parse(text)
}
