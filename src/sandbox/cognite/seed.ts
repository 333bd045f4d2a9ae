import type { CogniteSandbox } from './sandbox.ts'

/** For development: the token, a space, a container for records, and a stream of each kind. */
export function seedProject({ admin, inspect, project }: CogniteSandbox, token: string): { readonly project: string } {
  admin.addToken(token)
  if (inspect().streams.length > 0) return { project }
  admin.addSpace('plant')
  admin.addContainer({
    space: 'plant',
    externalId: 'Reading',
    usedFor: 'record',
    properties: {
      name: { type: { type: 'text' } },
      value: { type: { type: 'float64' } },
      count: { type: { type: 'int64' } },
      at: { type: { type: 'timestamp' } },
      tags: { type: { type: 'text', list: true } },
    },
  })
  admin.addStream('live', 'BasicLiveData')
  admin.addStream('archive', 'BasicArchive')
  return { project }
}
