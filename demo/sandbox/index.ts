/** The servers of the playground, and the little that its pages may ask: where they are, what they hold, the weather. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { sqlite } from '../../src/sandbox/sqlite.ts'
import { weather } from '../../src/sandbox/weather.ts'
import { cognite } from './cognite.ts'
import { jobSandboxes, jobsPlace } from './jobs.ts'
import { answerer } from './routes.ts'
import { shares } from './shares.ts'
import { narrowed, setWeather, type Weather } from './weather.ts'

export interface PlaygroundSandbox {
  readonly url: string
  answer(request: IncomingMessage, response: ServerResponse): void
  close(): Promise<void>
}

/** Bytes a second on a narrow line. */
const narrow = 512 * 1024

export async function sandbox(db: string): Promise<PlaygroundSandbox> {
  const conditions = weather(realWorld)
  let limit: number | undefined
  const files = filesSandbox({ world: realWorld, weather: conditions, db: sqlite(db) })
  const jobs = jobSandboxes()
  const plant = cognite(conditions)
  const { urls, close } = await serve({
    files: { ...files, overWire: narrowed(files.overWire, () => limit) },
    cognite: plant.sandbox,
    ...jobs,
  })
  const place = jobsPlace(jobs, urls)

  return {
    url: urls.files,
    answer: answerer({
      ...shares(files, urls.files),
      ...plant.routes(urls.cognite),
      'GET jobs/place': () => place,
      'POST weather'({ body }) {
        const said = body as Weather
        setWeather(conditions, said)
        limit = said.narrow ? narrow : undefined
        return said
      },
    }),
    close,
  }
}
