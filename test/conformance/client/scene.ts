/** What one behaviour is played on: a user with a share, and any number of devices. Runs in Node and in a page alike. */
import type { AskToken } from '../../../src/transport.ts'
import type { AppDb, Config } from './app.ts'
import type { Account } from './remote.ts'

/** How a database is opened: inline, with a thread, with a worker. */
export type Open = (config: Config, token: AskToken) => Promise<AppDb>

export interface Scene {
  /** The same name is the same device, after a close too. */
  device(name: string): Promise<AppDb>
  readonly share: string
  /** The records of a folder on the remote, by id, read without the library. */
  remote(folder: string): Promise<{ readonly [id: string]: unknown }>
  /** Without, no device gets a valid token. */
  signedIn(is: boolean): void
  end(): Promise<void>
}

export async function scene(control: string, open: Open, place: string): Promise<Scene> {
  const { token, ...account } = await ask<Account>(`${control}/account`)
  const opened = new Set<AppDb>()
  let signed = true
  return {
    share: account.share,
    async device(name) {
      const db = await open({ ...account, store: `${place}${name}` }, () => (signed ? token : 'expired'))
      opened.add(db)
      return db
    },
    remote: folder => ask(`${control}/folder?share=${account.share}&folder=${folder}`),
    signedIn(is) {
      signed = is
    },
    async end() {
      for (const db of opened) await db.close()
    },
  }
}

async function ask<T>(url: string): Promise<T> {
  return (await fetch(url)).json() as Promise<T>
}

/** Waits for a condition, never for a time. */
export async function until(what: string, ask: () => unknown): Promise<void> {
  const began = performance.now()
  while (!(await ask())) {
    if (performance.now() - began > 60_000) throw new Error(`Waited a minute for ${what}.`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

export function same(real: unknown, wanted: unknown): void {
  const [one, other] = [text(real), text(wanted)]
  if (one !== other) throw new Error(`It is ${one}, and should be ${other}.`)
}

const text = (value: unknown): string =>
  value === undefined
    ? 'undefined'
    : JSON.stringify(value, (_, part: unknown) =>
        typeof part === 'object' && part !== null && !Array.isArray(part)
          ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
          : part,
      )

/** The code of a rejection; anything else is an error of its own. */
export async function codeOf(work: Promise<unknown>): Promise<unknown> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (error === undefined) throw new Error('It should have been rejected.')
  return (error as { code?: unknown }).code ?? error
}
