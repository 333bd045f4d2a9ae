/** What must be there after a kill, judged from the witness's ledger alone. */
import { createHash } from 'node:crypto'
import type { App } from '../app/page.ts'
import type { Note } from '../app/schema.ts'
import { kindOf, noteOf, textOf } from '../app/writers.ts'

/** By key: the last step that was acknowledged, and the last one that was tried, which may be there too. */
export type Ledger = Map<string, { readonly kept: number; readonly tried: number }>

export type Dump = Awaited<ReturnType<typeof dumpOf>>

/** Runs in the page. */
export async function dumpOf(app: App) {
  const { data, outbox } = app.db
  const notes = await data.notes.list()
  const files = []
  for (const { id, value } of await data.entries.list()) {
    const bytes = value.kind === 'file' ? await data.entries.read(id) : undefined
    files.push({ id, name: value.name, text: bytes && new TextDecoder().decode(bytes) })
  }
  return { notes, files, outbox: await outbox.list() }
}

interface Server {
  readonly notes: ReadonlyMap<string, Note>
  readonly files: ReadonlyMap<string, string>
}

/** What is wrong, in words; nothing when all is there. */
export function judge(ledger: Ledger, local: Dump, server: Server): string[] {
  const here = new Map(local.notes.map(({ id, value }) => [id, value]))
  const lost: string[] = []
  for (const [key, { kept, tried }] of ledger) {
    const wrong = kindOf(key) === 'file' ? fileLost(key, kept, tried) : noteLost(key, kept, tried)
    if (wrong !== undefined) lost.push(`${key}, acknowledged ${kept}, tried ${tried}: ${wrong}`)
  }
  return lost

  function noteLost(key: string, kept: number, tried: number): string | undefined {
    const ids = kindOf(key) === 'pair' ? [`${key}.a`, `${key}.b`] : [key]
    const n = stepsBetween(kept, tried).find(n => ids.every(id => same(here.get(id), stateOf(key, n))))
    if (n === undefined) return `the store has ${ids.map(id => JSON.stringify(here.get(id))).join(' and ')}`
    for (const id of ids) {
      const state = stateOf(key, n)
      const row = local.outbox.findLast(one => one.collection === 'notes' && one.id === id)
      if (row === undefined ? !same(server.notes.get(id), state) : !same(row.value as Note | null, state)) {
        return `the store has step ${n}, the outbox ${JSON.stringify(row)}, the server ${JSON.stringify(server.notes.get(id))}`
      }
    }
    return undefined
  }

  function fileLost(key: string, kept: number, tried: number): string | undefined {
    const found = local.files.filter(({ name }) => name === key)
    const n = stepsBetween(kept, tried).find(n =>
      n === 0 ? found.length === 0 : found.length === 1 && found[0]!.text === textOf(key, n),
    )
    if (n === undefined) return `the store has ${JSON.stringify(found)}`
    if (n === 0) return undefined
    const row = local.outbox.findLast(one => one.collection === 'entries' && one.id === found[0]!.id)
    const hash = createHash('sha256').update(textOf(key, n)).digest('hex')
    return (row === undefined ? server.files.get(key) === textOf(key, n) : row.value?.sha256 === hash)
      ? undefined
      : `the store has step ${n}, the outbox ${JSON.stringify(row)}, the server ${JSON.stringify(server.files.get(key))}`
  }
}

const stepsBetween = (kept: number, tried: number): number[] =>
  Array.from({ length: tried - kept + 1 }, (_, at) => kept + at)

const stateOf = (key: string, n: number): Note | null =>
  n === 0 || (kindOf(key) === 'flicker' && n % 2 === 0) ? null : noteOf(key, n)

const same = (one: Note | null | undefined, other: Note | null): boolean =>
  (one ?? null) === null ? other === null : one!.title === other?.title && one!.n === other.n
