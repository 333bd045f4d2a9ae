/** A question whose answer is kept up to date: what React, Svelte and plain code all can use. */
import { sameData } from '../equal.ts'
import type { Store, Touched } from '../store.ts'

export interface Live<T> {
  /** The answer now. */
  get(): Promise<T>
  /** Calls back with the answer, and again whenever it is another. Returns how to stop. Failures go to `failed`. */
  subscribe(hear: (answer: T) => void, failed?: (error: unknown) => void): () => void
}

/** Asks again after each commit that touched something relevant; one question is under way at most. */
export function live<T>(
  store: Pick<Store, 'watch'>,
  relevant: (touched: Touched) => boolean,
  ask: () => Promise<T>,
  more?: (hear: () => void) => () => void,
): Live<T> {
  return {
    get: ask,
    subscribe(hear, failed = () => {}) {
      let last: { readonly answer: T } | undefined
      let asking = false
      let dirty = false
      let ended = false

      async function look(): Promise<void> {
        dirty = true
        if (asking) return
        asking = true
        while (dirty && !ended) {
          dirty = false
          try {
            const answer = await ask()
            if (ended || (last !== undefined && sameData(last.answer, answer))) continue
            last = { answer }
            hear(answer)
          } catch (error) {
            if (!ended) failed(error)
          }
        }
        asking = false
      }

      const unwatch = store.watch(touched => {
        if (touched.length === 0 || touched.some(relevant)) void look()
      })
      const unhear = more?.(() => void look())
      void look()
      return () => {
        ended = true
        unwatch()
        unhear?.()
      }
    },
  }
}
