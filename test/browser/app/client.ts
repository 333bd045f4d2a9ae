/** A page that plays the client suite with the engine in a worker. */
import { open } from '../../../src/index.ts'
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { behaviours } from '../../conformance/client/behaviours.ts'
import { type Open, type Scene, scene } from '../../conformance/client/scene.ts'
import { schema } from '../../conformance/client/schema.ts'

export interface Player {
  play(title: string, control: string): Promise<void>
  readonly violations: string[]
}

// What a page with `require-trusted-types-for` must do to make any worker.
const { trustedTypes } = globalThis as unknown as { trustedTypes: Trusting }
interface Trusting {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string }
}
const ours = trustedTypes.createPolicy('workers', { createScriptURL: url => url })
const worker = () => new Worker(ours.createScriptURL('/client.worker.js'), { type: 'module' })
let places = 0

const inWorker: Open = (config, token) =>
  open<typeof import('./client.worker.ts').default>({
    store: indexeddb(config.store),
    schema,
    account: 'ada',
    config,
    tokens: { drive: token },
    worker,
    device: { name: 'One' },
  })

async function played(control: string, work: (scene: Scene) => Promise<void>): Promise<void> {
  const one = await scene(control, inWorker, `${++places}-`)
  try {
    await work(one)
  } finally {
    await one.end()
  }
}

const player: Player = {
  play: (title, control) => played(control, behaviours[title]!),
  violations: [],
}

addEventListener('securitypolicyviolation', event => player.violations.push(event.violatedDirective))
;(globalThis as unknown as { app: Player }).app = player
