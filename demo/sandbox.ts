/** The file server of the playground, and the little that the page may ask about it: what it holds, and the weather. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { filesSandbox } from '../src/sandbox/files/sandbox.ts'
import { realWorld } from '../src/sandbox/real-world.ts'
import { serve } from '../src/sandbox/serve.ts'
import { sqlite } from '../src/sandbox/sqlite.ts'
import { weather } from '../src/sandbox/weather.ts'
import type { Place, Seen, Weather } from './stage/asks.ts'

export interface PlaygroundSandbox {
  readonly url: string
  /** `GET place`, `POST place` (a new, empty share), `GET seen?share=`, `POST weather`. */
  answer(request: IncomingMessage, response: ServerResponse): void
  close(): Promise<void>
}

export async function sandbox(db: string): Promise<PlaygroundSandbox> {
  const conditions = weather(realWorld)
  const files = filesSandbox({ world: realWorld, weather: conditions, db: sqlite(db) })
  const { urls, close } = await serve({ files }, { files: 0 })
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
