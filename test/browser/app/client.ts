/** A page that plays the client suite with the engine in a worker. */
import { open, type WorkerLike } from '../../../src/index.ts'
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { behaviours } from '../../conformance/client/behaviours.ts'
import { mortal } from '../../conformance/client/mortal.ts'
import { type Open, type Scene, scene } from '../../conformance/client/scene.ts'
import { schema } from '../../conformance/client/schema.ts'
import { survives } from '../../conformance/client/survives.ts'

export interface Player {
  play(title: string, control: string): Promise<void>
  /** A session whose worker is terminated at message number `at`. Resolves to whether it came to that, and the workers made. */
  survive(at: number, control: string): Promise<{ readonly killed: boolean; readonly made: number }>
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

const openWith =
  (worker: () => WorkerLike): Open =>
  (config, token) =>
    open<typeof import('./client.worker.ts').default>({
      store: indexeddb(config.store),
      schema,
      account: 'ada',
      config,
      tokens: { drive: token },
      worker,
      device: { name: 'One' },
    })

async function played(control: string, make: () => WorkerLike, work: (scene: Scene) => Promise<void>): Promise<void> {
  const one = await scene(control, openWith(make), `${++places}-`)
  try {
    await work(one)
  } finally {
    await one.end()
  }
}

const player: Player = {
  play: (title, control) => played(control, worker, behaviours[title]!),
  async survive(at, control) {
    const workers = mortal(worker, at)
    await played(control, workers.worker, survives)
    return { killed: workers.killed(), made: workers.made() }
  },
  violations: [],
}

addEventListener('securitypolicyviolation', event => player.violations.push(event.violatedDirective))
;(globalThis as unknown as { app: Player }).app = player
