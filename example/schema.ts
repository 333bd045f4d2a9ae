/** What both devices keep: the files of a share as a tree, and one record per Markdown file. */
import { collection, defineSchema, type Rule } from '../src/index.ts'
import { records, tree } from '../src/transports/files/index.ts'

export interface Page {
  readonly title: string
  readonly words: number
  readonly tags?: readonly string[]
}

export function schemaWith(conflicts: Rule) {
  return defineSchema({
    version: 1,
    collections: {
      tree: collection({ remote: 'drive', conflicts, ...tree }),
      pages: collection<Page>()({ remote: 'drive', conflicts, ...records }),
    },
  })
}
