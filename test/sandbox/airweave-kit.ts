import { type AirweaveOptions, airweaveSandbox } from '../../src/sandbox/airweave/sandbox.ts'
import { type Api, type Json, virtualWorld } from './kit.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND

/** A collection with one connection, and a way to talk. */
export function airweaveScene(options: Partial<AirweaveOptions> = {}) {
  const world = virtualWorld()
  const sandbox = airweaveSandbox({ world, ...options })
  const { admin } = sandbox
  const key = admin.addKey()
  const collection = admin.addCollection('Documents', 'documents')
  const api = keyed(request => sandbox.fetch(request), key)
  return {
    world,
    sandbox,
    admin,
    key,
    collection,
    api,
    /** Entities by number: their text may say which time it is. */
    entities: (numbers: readonly number[], text = 'first') =>
      numbers.map(n => ({ id: `e${n}`, name: `Entity ${n}`, text: `${text} ${n}` })),
    run: (connection: string, query = '') => api('POST', `/source-connections/${connection}/run${query}`),
    jobs: async (connection: string): Promise<Json[]> =>
      (await api('GET', `/source-connections/${connection}/jobs`)).body,
    cancel: (connection: string, job: string) => api('POST', `/source-connections/${connection}/jobs/${job}/cancel`),
    async pass(ms: number) {
      await world.pass(ms)
      sandbox.tick()
    },
  }
}

export function keyed(fetch: (request: Request) => Promise<Response>, key: string, origin = 'http://sandbox'): Api {
  return async (method, path, body, headers = {}) => {
    const sent = { 'x-api-key': key, ...headers }
    const init = { method, headers: sent, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await fetch(new Request(origin + path, init))
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers }
  }
}

/** What a stream says, frame by frame, until it is closed. */
export async function frames(response: Response, into: Json[] = []): Promise<Json[]> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return into
    const parts = (rest + value).split('\n\n')
    rest = parts.pop()!
    for (const part of parts) into.push(JSON.parse(part.replace(/^data: /, '')))
  }
}
