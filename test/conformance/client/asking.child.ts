/** An app in a process of its own: `asking.child.ts ask|watch <config>`. It prints what it knows as soon as it is durable. */
import { writeSync } from 'node:fs'
import { defineSchema, open } from '../../../src/index.ts'
import { sqlite } from '../../../src/stores/sqlite.ts'
import { airweave } from '../../../src/transports/airweave/index.ts'
import { cognee } from '../../../src/transports/cognee/index.ts'

export interface Config {
  readonly api: 'airweave' | 'cognee'
  readonly file: string
  readonly url: string
  readonly token: string
  readonly cloudKey: string
  /** What to run: a connection, or a dataset. */
  readonly place: string
}

const [what, given] = process.argv.slice(2)
const { api, file, url, token, cloudKey, place } = JSON.parse(given!) as Config
const tell = (told: unknown) => writeSync(1, `${JSON.stringify(told)}\n`)
const common = { store: sqlite(file), schema: defineSchema({ version: 1, collections: {} }), account: 'ada' }

async function works() {
  if (api === 'airweave') {
    const works = airweave({ url, key: () => token, collection: 'documents', entities: false })
    const { remotes } = await open({ ...common, remotes: { works } })
    return { works: remotes.works, run: () => remotes.works.run({ sourceConnection: place }) }
  }
  const works = cognee({ url, token: () => token, cloud: { url: `${url}/cloud`, key: () => cloudKey } })
  const { remotes } = await open({ ...common, remotes: { works } })
  return { works: remotes.works, run: () => remotes.works.run({ datasets: [place] }) }
}

const { works: handle, run } = await works()
if (what === 'ask') {
  tell({ asked: (await run()).id })
} else {
  const [first] = await handle.jobs.list()
  tell(await handle.jobs.get(first!.id).done())
  process.exit(0)
}
