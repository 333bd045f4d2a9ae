/** The server: a sandbox of Cognite Data Fusion on loopback, with a clock that the parent sets. */
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { obey } from '../obey.ts'
import { project, space, stream, token } from './model.ts'

export interface ServerOrders {
  url(): Promise<string>
  pass(ms: number): Promise<void>
  /** What is written to the stream from now on is seen this much later. */
  delay(ms: number): Promise<void>
  close(): Promise<void>
}

let passed = 0
const sandbox = cogniteSandbox({ world: { ...realWorld, now: () => Date.now() + passed }, project })
const { admin } = sandbox
admin.addToken(token)
admin.addSpace(space)

const type = (name: string) => ({ type: { type: name } })
admin.addContainer({
  ...{ space, externalId: 'Reading', usedFor: 'record' },
  properties: { value: type('float64'), note: type('text') },
})
admin.addStream(stream, 'BasicLiveData')

const pump = { name: type('text'), hall: type('int32'), level: type('float64'), manual: type('text') }
admin.addContainer({ space, externalId: 'Pump', usedFor: 'node', properties: pump })
const container = { type: 'container', space, externalId: 'Pump' }
admin.addView({
  ...{ space, externalId: 'Pump', version: 'v1' },
  properties: Object.fromEntries(
    Object.keys(pump).map(name => [name, { container, containerPropertyIdentifier: name }]),
  ),
})

const served = await serve({ cognite: sandbox })

const orders: ServerOrders = {
  url: async () => served.urls.cognite,
  async pass(ms) {
    passed += ms
  },
  async delay(ms) {
    sandbox.set({ records: { visibleAfter: [ms, ms] } })
  },
  async close() {
    await served.close()
    process.disconnect()
  },
}
obey(orders)
