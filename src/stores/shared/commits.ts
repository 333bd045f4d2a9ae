/** The commits of a SQLite file, numbered in it, and how all who have it open hear of them. */
import type { Platform } from '../../platform.ts'
import type { Touched } from '../../store.ts'
import type { Sql } from './sql.ts'
import { listeners, touchedIn } from './touches.ts'

/** Runs work in a transaction. */
export type Run = <T>(
  write: boolean,
  durability: 'strict' | 'relaxed',
  work: (ended: () => boolean) => Promise<T>,
) => Promise<T>

/** Between two looks for commits of other processes, in milliseconds. */
const lookEvery = 200

export interface News {
  watch(listener: (touched: readonly Touched[]) => void): () => void
  committed(commit: number, touched: readonly Touched[]): void
  close(): Promise<void>
}

/**
 * Commits are numbered in the file. What a channel or one's own write tells under the next number is told as it is; a gap
 * means that something was missed, as from another process, and is told as "anything". The look finds what nobody tells.
 */
export function watching(path: string, sql: Sql, run: Run, platform: Platform): News {
  const channel = platform.channel(`tidemark/store/${path}`)
  const heard = listeners()
  const end = new AbortController()
  let known = state(sql, 'commits') as number
  let looking: Promise<void> | undefined

  function hear(commit: number, touched: readonly Touched[]): void {
    if (commit <= known) return
    heard.tell(commit === known + 1 ? touched : [{}])
    known = commit
  }

  async function look(): Promise<void> {
    while (heard.size > 0 && !end.signal.aborted) {
      await platform.sleep(lookEvery, end.signal)
      hear(await latest(), [{}])
    }
    looking = undefined
  }

  /** A number that the file does not confirm is nobody's commit (S21). */
  async function told(message: unknown): Promise<void> {
    const { commit, touched } = (message ?? {}) as { readonly commit?: unknown; readonly touched?: unknown }
    if (typeof commit === 'number' && commit <= (await latest())) hear(commit, touchedIn(touched))
  }

  /** What cannot be read now is looked at again soon. */
  const latest = () => run(false, 'strict', async () => state(sql, 'commits') as number).catch(() => known)

  const stopHearing = channel.listen(message => void told(message))
  return {
    watch: listener => {
      const stop = heard.add(listener)
      looking ??= look().catch(() => {}) // closed: the sleep was ended
      return stop
    },
    committed: (commit, touched) => {
      hear(commit, touched)
      channel.post({ commit, touched })
    },
    close: async () => {
      end.abort()
      heard.clear()
      stopHearing()
      channel.close()
      await looking
    },
  }
}

export function countCommit(sql: Sql): number {
  return sql.get("UPDATE state SET value = value + 1 WHERE name = 'commits' RETURNING value")!.value as number
}

export function state(sql: Sql, name: string): unknown {
  return sql.get('SELECT value FROM state WHERE name = ?', name)?.value
}

export function setState(sql: Sql, name: string, value: string | number): void {
  sql.run('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)', name, value)
}
