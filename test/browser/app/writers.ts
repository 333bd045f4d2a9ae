/**
 * Writers that go on until they are stopped or killed. Before each step they say to the witness what they try, and wait
 * until it has heard that; after it they say that it was acknowledged, and do not wait. So the witness knows the last
 * step that was promised, and the only one that may be there beside it.
 */
import type { OpenDb } from './page.ts'
import type { Note } from './schema.ts'

/** What a writer writes: `note` one record, `pair` two in one commit, `flicker` one that comes and goes, `file` bytes. */
export type Kind = 'note' | 'pair' | 'flicker' | 'file'

export interface Orders {
  readonly witness: string
  readonly share: string
  /** One writer for each list; a writer takes its keys in turn. A key begins with its kind. */
  readonly keys: readonly (readonly string[])[]
  /** The last step of each key so far. */
  readonly from: { readonly [key: string]: number }
}

export type Said = { readonly what: 'try' | 'kept'; readonly key: string; readonly n: number }

export const kindOf = (key: string): Kind => key.slice(0, key.indexOf('-')) as Kind
export const noteOf = (key: string, n: number): Note => ({ title: `${key} is ${n}`, n })
export const textOf = (key: string, n: number): string => `${key} is ${n}\n`

let running: { ended: boolean; readonly all: Promise<unknown> } | undefined

export const writers = {
  async start(db: OpenDb, { witness, share, keys, from }: Orders): Promise<void> {
    const tell = await telling(witness)
    const run = { ended: false }
    const write = async (key: string, n: number): Promise<void> => {
      await tell({ what: 'try', key, n })
      await step(db, share, key, n)
      void tell({ what: 'kept', key, n })
    }
    const all = keys.map(async own => {
      const steps = new Map(own.map(key => [key, from[key] ?? 0]))
      for (let turn = 0; !run.ended; turn++) {
        const key = own[turn % own.length]!
        const n = steps.get(key)! + 1
        await write(key, n)
        steps.set(key, n)
      }
    })
    running = Object.assign(run, { all: Promise.all(all) })
  },
  /** Resolves when the last step of each writer was acknowledged. */
  async stop(): Promise<void> {
    if (running === undefined) return
    running.ended = true
    await running.all
  },
}

async function step(db: OpenDb, share: string, key: string, n: number): Promise<void> {
  const { notes, entries } = db.data
  const note = noteOf(key, n)
  switch (kindOf(key)) {
    case 'note':
      await (n === 1 ? notes.add(note, key) : notes.put(key, note))
      return
    case 'flicker':
      await (n % 2 === 1 ? notes.put(key, note) : notes.delete(key))
      return
    case 'pair':
      await db.write(tx => {
        tx.notes.put(`${key}.a`, note)
        tx.notes.put(`${key}.b`, note)
      })
      return
    case 'file': {
      const found = (await entries.list()).find(({ value }) => value.name === key)
      const bytes = new TextEncoder().encode(textOf(key, n))
      await entries.write(found?.id ?? crypto.randomUUID(), bytes, { share, parent: share, name: key, kind: 'file' })
    }
  }
}

async function telling(url: string): Promise<(said: Said) => Promise<void>> {
  const socket = new WebSocket(url)
  const waiting: (() => void)[] = []
  socket.onmessage = () => waiting.shift()?.()
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error('There is no witness.'))
  })
  return said =>
    new Promise(resolve => {
      waiting.push(resolve)
      socket.send(JSON.stringify(said))
    })
}
