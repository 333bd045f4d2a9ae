/** What page and worker both know. The transports are not in it: a page with a worker carries none. */
import { collection, defineSchema } from '../../../src/index.ts'
import { records, tree } from '../../../src/transports/files/index.ts'

export interface Note {
  readonly title: string
  readonly text?: string
}

export const schema = defineSchema({
  version: 1,
  collections: {
    notes: collection<Note>()({ remote: 'drive', ...records }),
    kept: collection<Note>()({ remote: 'drive', conflicts: 'KEEP_BOTH', ...records }),
    asked: collection<Note>()({ remote: 'drive', conflicts: 'MANUAL', ...records }),
    merged: collection<Note>()({
      remote: 'drive',
      conflicts: { fields: { text: 'LONGEST' }, otherwise: 'SERVER_WINS', onDelete: 'KEEP_BOTH' },
      ...records,
    }),
    drafts: collection<Note>()({}),
    entries: collection({ remote: 'drive', source: 'tree', ...tree }),
  },
})
