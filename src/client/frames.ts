/** What commits touched, gathered for a frame and told to all live questions at once. */
import type { Platform } from '../platform.ts'
import type { Space, Store, Stored, Touched } from '../store.ts'

/** Answers are not renewed more often than a screen shows them, in milliseconds. The first commit is told at once. */
const frameTime = 16
/** More touched records than this are not looked at one by one. */
const mostIds = 1000

/** What the commits of one frame touched. */
export interface Frame {
  /** `any`: whichever, for a message may have been lost or says no more. */
  touched(collection: string): ReadonlySet<string> | 'any' | undefined
  holds(...spaces: readonly Space[]): boolean
  /** The touched records as they are by now, read once for all who ask; what was deleted is not among them. */
  records(collection: string): Promise<readonly Stored[]>
}

export interface Frames {
  watch(hear: (frame: Frame) => void): () => void
}

export function framesOf(store: Pick<Store, 'watch' | 'read'>, platform: Pick<Platform, 'sleep' | 'wakes'>): Frames {
  const hearers = new Set<(frame: Frame) => void>()
  let gathered: Touched[] = []
  let shown = false
  let stop: (() => void) | undefined

  function tell(): void {
    const frame = frameOf(store, gathered)
    gathered = []
    for (const hear of hearers) hear(frame)
    shown = true
    void platform.sleep(frameTime).then(() => {
      shown = false
      if (gathered.length > 0) tell()
    })
  }

  function gather(touched: readonly Touched[]): void {
    gathered.push(...(touched.length === 0 ? [{}] : touched))
    if (!shown) tell()
  }

  return {
    watch(hear) {
      hearers.add(hear)
      if (stop === undefined) {
        const ends = [store.watch(gather), platform.wakes(() => gather([]))] // asleep, nothing was heard (F33, F38)
        stop = () => {
          for (const end of ends) end()
        }
      }
      return () => {
        hearers.delete(hear)
        if (hearers.size > 0) return
        stop?.()
        stop = undefined
      }
    },
  }
}

function frameOf(store: Pick<Store, 'read'>, all: readonly Touched[]): Frame {
  const anything = all.some(one => one.collection === undefined && one.space === undefined)
  const spaces = new Set(all.map(one => one.space))
  const collections = new Map<string, Set<string> | 'any'>()
  for (const { collection, ids } of all) {
    if (collection === undefined) continue
    const known = collections.get(collection) ?? new Set()
    if (known === 'any' || ids === undefined || known.size + ids.length > mostIds) collections.set(collection, 'any')
    else collections.set(collection, new Set([...known, ...ids]))
  }
  const read = new Map<string, Promise<readonly Stored[]>>()

  return {
    touched: collection => (anything ? 'any' : collections.get(collection)),
    holds: (...names) => anything || names.some(name => spaces.has(name)),
    records(collection) {
      const ids = collections.get(collection)
      const found =
        read.get(collection) ?? (ids instanceof Set ? readMany(store, collection, ids) : Promise.resolve([]))
      read.set(collection, found)
      return found
    },
  }
}

async function readMany(
  store: Pick<Store, 'read'>,
  collection: string,
  ids: ReadonlySet<string>,
): Promise<readonly Stored[]> {
  const found = await store.read({ records: [collection], rows: [] }, tx => tx.records(collection).getMany([...ids]))
  return found.filter(stored => stored !== undefined)
}
