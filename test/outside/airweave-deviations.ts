/** Where we go another way than Airweave's published description, one by one. All of it is what its code does. */
import type { Deviation, Schemas } from './schemas.ts'

function must(schemas: Schemas, name: string): Schemas {
  const schema = schemas[name]
  if (schema === undefined) throw new Error(`There is no schema ${name}: take its deviation out.`)
  return schema
}

export const airweaveDeviations: readonly Deviation[] = [
  {
    where: 'date-time: a time may come without a zone',
    why: 'The server writes the times of jobs, connections and collections as naive UTC, with microseconds.',
    mend(schemas) {
      let found = 0
      const walk = (at: Schemas): void => {
        if (at.format === 'date-time') {
          delete at.format
          at.pattern = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{6})?(Z|[+-]\\d\\d:\\d\\d)?$'
          found++
        }
        for (const value of Object.values(at)) if (typeof value === 'object' && value !== null) walk(value)
      }
      walk(schemas)
      if (found === 0) throw new Error('No time has a format any more: take its deviation out.')
    },
  },
  {
    where: 'SourceConnectionStatus: also needs_reauth',
    why: 'The server says it after a failure of credentials; the published list is older.',
    mend: schemas => void must(schemas, 'SourceConnectionStatus').enum.push('needs_reauth'),
  },
  {
    where: 'SyncJobStatus: also in upper case',
    why: 'The description writes the states so in its prose; the sandbox has a switch for it, and the transport takes both.',
    mend(schemas) {
      const { enum: states } = must(schemas, 'SyncJobStatus')
      states.push(...states.map((state: string) => state.toUpperCase()))
    },
  },
]
