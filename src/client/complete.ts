/** A schema meets the remotes that it names. */
import { SyncError } from '../errors.ts'
import type { Collection, Schema } from '../schema.ts'
import type { Transport } from '../transport.ts'

/** The schema with what its sources say, checked: every name exists, every rule can be kept. */
export function completed(schema: Schema, remotes: { readonly [remote: string]: Transport }): Schema {
  const collections: { [name: string]: Collection } = {}
  for (const [name, definition] of Object.entries(schema.collections) as [string, Collection][]) {
    collections[name] = definition
    const { remote, source = name, conflicts = 'LAST_WRITER_WINS' } = definition
    if (remote === undefined) continue
    const transport = remotes[remote]
    if (transport === undefined)
      throw mismatch(`"${name}" lives with the remote "${remote}", and there is none of that name.`)
    const from = transport.sources[source]
    if (from === undefined) {
      const exist = Object.keys(transport.sources).join(', ')
      throw mismatch(`"${name}" feeds from ${remote}.${source}, and ${remote} has: ${exist}. Set \`source\`.`)
    }
    if (conflicts === 'KEEP_BOTH' && from.copy === undefined) {
      throw mismatch(`"${name}" cannot have KEEP_BOTH: ${remote}.${source} has no place for copies.`)
    }
    const there = transport.push?.settles?.[source]
    if (there !== undefined && definition.conflicts !== undefined && definition.conflicts !== there) {
      throw mismatch(
        `${remote} settles conflicts of "${source}" itself, by ${there}: leave \`conflicts\` out, or say the same.`,
      )
    }
    collections[name] = { ...from, ...definition, ...(there !== undefined && { conflicts: there }) }
  }
  return { ...schema, collections }
}

function mismatch(message: string): SyncError {
  return new SyncError('schema-mismatch', message)
}
