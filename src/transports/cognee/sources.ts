/** What Cognee's datasets and documents are like, without the transport. */
import type { Value } from '../../model.ts'
import type { Source } from '../../transport.ts'

/** A dataset. `status` is how far the server is with making knowledge of it. Times are milliseconds since 1970. */
export type DatasetRow = {
  readonly name: string
  readonly owner?: string
  readonly status?: string
  readonly createdAt?: number
  readonly updatedAt?: number
}

/**
 * A document of a dataset, which must exist on the server already. What it holds is named by its hash: write bytes first.
 * It never changes: another content is another document.
 */
export type DocumentRow = {
  /** The dataset's id. */
  readonly dataset: string
  readonly name: string
  /** Without a dot. */
  readonly extension?: string
  readonly mime?: string
  readonly sha256?: string
  readonly size?: number
  readonly createdAt?: number
}

const datasetsSource = {
  check: (_id, value) => textFault(value, 'name'),
} as const satisfies Source
export const datasets: typeof datasetsSource & { readonly row?: DatasetRow } = datasetsSource

const documentsSource = {
  body: 'sha256',
  describe: (size: number) => ({ size }),
  check: (_id, value) => textFault(value, 'name') ?? textFault(value, 'dataset'),
} as const satisfies Source
export const documents: typeof documentsSource & { readonly row?: DocumentRow } = documentsSource

function textFault(value: Value, field: string): string | undefined {
  const text = value[field]
  return typeof text === 'string' && text !== '' && text.length <= 255
    ? undefined
    : `\`${field}\` must be a text of 1 to 255 characters`
}
