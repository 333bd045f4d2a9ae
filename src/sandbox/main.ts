import { parseArgs } from 'node:util'
import { type AirweaveSandbox, airweaveSandbox } from './airweave/sandbox.ts'
import { type CogneeSandbox, cogneeSandbox } from './cognee/sandbox.ts'
import { cogniteSandbox } from './cognite/sandbox.ts'
import { seedProject } from './cognite/seed.ts'
import { type FilesSandbox, filesSandbox } from './files/sandbox.ts'
import { realWorld } from './real-world.ts'
import { serve } from './serve.ts'
import { sqlite } from './sqlite.ts'
import { weather } from './weather.ts'

/**
 * `node main.ts --port-files 0 --port-airweave 0 --port-cognite 0 --port-cognee 0 --db FILE --seed-share NAME …`: prints one JSON line, with the URL of
 * each API and what is needed to use it, and serves until SIGTERM.
 */
const { values } = parseArgs({
  options: {
    'port-files': { type: 'string', default: '0' },
    'port-airweave': { type: 'string', default: '0' },
    'port-cognee': { type: 'string', default: '0' },
    'port-cognite': { type: 'string', default: '0' },
    db: { type: 'string' },
    'seed-share': { type: 'string', default: 'Documents' },
    token: { type: 'string' },
    cors: { type: 'string', default: 'strict' },
    listing: { type: 'string', default: 'full' },
    metadata: { type: 'string', default: 'full' },
    cursors: { type: 'string', default: 'integer' },
    errors: { type: 'string', default: 'rich' },
    refusals: { type: 'string', default: 'index' },
    'rate-limit': { type: 'string' },
    latency: { type: 'string', default: '0' },
    refuse: { type: 'string', default: '0' },
    'refuse-with': { type: 'string', default: '0' },
    lose: { type: 'string', default: '0' },
    again: { type: 'string', default: '0' },
    'lose-frame': { type: 'string', default: '0' },
  },
})

const conditions = weather(realWorld)
const latency = number('latency')
conditions.set({
  latency: [latency, latency],
  refuse: number('refuse'),
  refuseWith: number('refuse-with'),
  lose: number('lose'),
  again: number('again'),
  loseFrame: number('lose-frame'),
})

const files = filesSandbox({
  world: realWorld,
  weather: conditions,
  ...(values.db !== undefined && { db: sqlite(values.db) }),
  knobs: {
    cors: choice('cors', ['strict', 'lax']),
    listing: choice('listing', ['full', 'lean']),
    metadata: choice('metadata', ['full', 'lean', 'absent']),
    cursors: choice('cursors', ['integer', 'huge', 'text']),
    errors: choice('errors', ['rich', 'bare']),
    refusals: choice('refusals', ['index', 'batch']),
    rateLimit: values['rate-limit'] === undefined ? null : number('rate-limit'),
  },
})
const airweave = airweaveSandbox({
  world: realWorld,
  weather: conditions,
  knobs: {
    cors: choice('cors', ['strict', 'lax']),
    rateLimit: values['rate-limit'] === undefined ? null : number('rate-limit'),
  },
})
const cognee = cogneeSandbox({
  world: realWorld,
  weather: conditions,
  knobs: {
    cors: choice('cors', ['strict', 'lax']),
    rateLimit: values['rate-limit'] === undefined ? null : number('rate-limit'),
  },
})
const cognite = cogniteSandbox({
  world: realWorld,
  weather: conditions,
  ...(values.db !== undefined && { db: sqlite(values.db) }),
  knobs: { cors: choice('cors', ['strict', 'lax']) },
})
const seeded = { ...seed(files), ...seedAirweave(airweave), ...seedCognee(cognee) }
const project = seedProject(cognite, seeded.token)
const served = await serve(
  { files, airweave, cognite, cognee },
  {
    files: number('port-files'),
    airweave: number('port-airweave'),
    cognite: number('port-cognite'),
    cognee: number('port-cognee'),
  },
)
process.stdout.write(`${JSON.stringify({ ...served.urls, ...seeded, ...project })}\n`)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void served.close().then(() => process.exit(0)))
}

/** The first start makes a user and a share; later ones find them in the database. */
function seed({ admin, inspect }: FilesSandbox): { readonly token: string; readonly share: string } {
  const [share] = inspect().shares
  const [token] = inspect().tokens
  if (share && token) return { token: token.token, share: share.id }
  const made = admin.addUser('Ada', values.token === undefined ? {} : { token: values.token })
  return { token: made.token, share: admin.addShare(values['seed-share'], made.user_id) }
}

function seedCognee({ admin, inspect }: CogneeSandbox) {
  const { user_id, key } = admin.addUser('ada@example.com')
  const cogneeDataset = admin.addDataset(user_id, 'Documents')
  for (let n = 1; n <= 5; n++) admin.addData(cogneeDataset, `document-${n}.md`, `# Document ${n}\n`)
  return { cogneeKey: key, cogneeDataset, cogneeCloudKey: inspect().cloudKey }
}

function seedAirweave({ admin }: AirweaveSandbox) {
  const airweaveKey = admin.addKey()
  const airweaveCollection = admin.addCollection('Documents', 'documents')
  const airweaveConnection = admin.connect(airweaveCollection, {
    short_name: 'incremental_stub',
    name: 'Documents',
    config: { entity_count: 25 },
  })
  return { airweaveKey, airweaveCollection, airweaveConnection }
}

function number(name: keyof typeof values): number {
  const value = Number(values[name])
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number, not ${values[name]}.`)
  return value
}

function choice<T extends string>(name: keyof typeof values, allowed: readonly T[]): T {
  const value = allowed.find(it => it === values[name])
  if (value === undefined) throw new Error(`--${name} must be one of ${allowed.join(', ')}, not ${values[name]}.`)
  return value
}
