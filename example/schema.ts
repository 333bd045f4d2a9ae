/** What both devices keep: the files of a share as a tree, and one record per Markdown file. */
import { type Collection, collection, defineSchema, type Rule } from '../src/index.ts'
import { records, type TreeRow, tree } from '../src/transports/files/index.ts'

export interface Page {
  readonly title: string
  readonly words: number
  readonly tags?: readonly string[]
}

export function schemaWith(conflicts: Rule) {
  return defineSchema({
    version: 1,
    collections: {
      tree: rows<TreeRow>({ remote: 'drive', conflicts, ...tree }),
      pages: rows<Page>({ remote: 'drive', conflicts, ...records }),
    },
  })
}

/** For now a typed collection fits into a schema only with its indexes untyped. */
function rows<Row extends object>(definition: Collection<Row>) {
  return collection(definition) as Omit<Collection<Row>, 'index'> & { readonly index?: readonly never[] }
}
