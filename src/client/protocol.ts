/**
 * What a page and its worker say to each other. Only control goes over: the page reads and writes its store itself, and
 * both hear each other's commits through the store. The first message and its answer never change their shape: they
 * carry the version of all the rest, so that a page and a worker of two releases understand that they do not.
 */
import { type Code, SyncError } from '../errors.ts'
import type { Collection, Schema } from '../schema.ts'

/** Raised whenever one side would misunderstand the other. */
export const protocol = 1

/** In milliseconds. Comlink never settles a call whose other side is gone, so each has a limit. */
export const limits = {
  /** From the start of the worker to its answer: loading code, opening the store. */
  start: 20_000,
  /** What is answered from memory. */
  quick: 2_000,
  /** The page may have to ask its server, or the user. */
  token: 60_000,
  /** A request to a remote. The engine has limits of its own, which come first. */
  call: 5 * 60_000,
  stop: 5_000,
  /** A thread that has nothing left to do ends by itself. */
  exit: 1_000,
} as const

/** Posted to the worker itself, again and again until one is answered: a worker that is still loading hears nothing. */
export interface Knock {
  readonly tidemark: 'knock'
  /** All the rest goes over this port, so that the app can use the worker for its own things. */
  readonly port: MessagePort
}

/** The answer to a knock. It never changes its shape: whoever reads it may be of another release. */
export interface Open {
  readonly tidemark: 'open'
  readonly protocol: number
}

export interface Hello {
  readonly tidemark: 'hello'
  /** Whose engine this is: another hello of the same page takes the place of the one before. */
  readonly page: string
  readonly account: string
  readonly config: unknown
  readonly schema: Outline
  /** The store's name. */
  readonly store: string
  readonly remotes: readonly string[]
  readonly device: string
  /** How long an automatic verdict can be undone, in milliseconds. */
  readonly keep: number
  /** The worker was made for this database alone, and ends with it. */
  readonly alone: boolean
  /** For calls to the page. */
  readonly back: MessagePort
}

/** From here on the port is comlink's. */
export type Welcome =
  | {
      readonly tidemark: 'welcome'
      readonly account: string
      /** A lock that the worker holds as long as it lives, where pages see its locks: whoever gets it knows of the end. */
      readonly life?: string | undefined
    }
  | { readonly tidemark: 'refused'; readonly code: Code; readonly message: string }

/** What both sides must agree on about a schema, as text that can be compared. */
export interface Outline {
  readonly version: number
  readonly collections: { readonly [name: string]: { readonly [part: string]: string } }
}

/** What crosses no boundary (functions, validators) is compared by being there. */
export function outlineOf(schema: Schema): Outline {
  const collections = Object.entries(schema.collections).map(([name, definition]) => {
    const parts = Object.entries(definition as Collection)
      .filter(([, part]) => part !== undefined)
      .map(([part, value]) => [part, part === 'schema' ? 'there' : textOf(value)] as const)
    return [name, Object.fromEntries(parts)] as const
  })
  return { version: schema.version, collections: Object.fromEntries(collections) }
}

function textOf(value: unknown): string {
  if (typeof value === 'function') return 'there'
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  )
}

/** Throws `outdated` where the two are of different releases of the app, and `schema-mismatch` where they just differ. */
export function mustAgree(page: Outline, worker: Outline): void {
  if (page.version !== worker.version) throw outdated(`schema ${page.version}`, `schema ${worker.version}`)
  const names = new Set([...Object.keys(page.collections), ...Object.keys(worker.collections)])
  for (const name of names) {
    const mine = worker.collections[name]
    const theirs = page.collections[name]
    if (mine === undefined || theirs === undefined) {
      throw mismatch(`only the ${mine === undefined ? 'page' : 'worker'} has a collection "${name}"`)
    }
    const part = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])].find(part => mine[part] !== theirs[part])
    if (part !== undefined) throw mismatch(`"${name}" has not the same \`${part}\` in both`)
  }
}

export function outdated(page: string, worker: string): SyncError {
  return new SyncError(
    'outdated',
    `The page (${page}) is of another release than its worker (${worker}). Reload the page: what was written is kept.`,
  )
}

export function mismatch(what: string): SyncError {
  return new SyncError(
    'schema-mismatch',
    `Page and worker do not fit: ${what}. Reload the page; if that does not help, give both the same schema and store, and spread each source into the schema.`,
  )
}

/** The message where it is one of ours of this kind. Whatever comes by a port may be anything (S21). */
export function told<M extends { readonly tidemark: string }>(
  message: unknown,
  ...kinds: M['tidemark'][]
): M | undefined {
  if (typeof message !== 'object' || message === null || !('tidemark' in message)) return undefined
  return kinds.some(kind => kind === message.tidemark) ? (message as M) : undefined
}

export function isHello(message: unknown): message is Hello {
  const hello = told<Hello>(message, 'hello')
  if (hello === undefined) return false
  const { page, account, store, device, schema, remotes, keep, back } = hello
  const texts = [page, account, store, device].every(one => typeof one === 'string')
  const fits = typeof schema === 'object' && typeof schema?.collections === 'object' && Array.isArray(remotes)
  return texts && fits && typeof keep === 'number' && typeof back?.postMessage === 'function'
}
