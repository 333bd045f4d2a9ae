/**
 * Workers without threads: the real served code in the test's own process and in a world whose clock the test moves.
 * When one ends, whatever it still does reaches neither the store, nor the remote, nor a lock, nor the page.
 */
import type { Served } from '../../../src/client/served.ts'
import type { WorkerLike } from '../../../src/index.ts'
import type { Platform } from '../../../src/platform.ts'
import type { StoreDriver } from '../../../src/store.ts'
import { attendant } from '../../../src/worker/attendant.ts'
import type { World } from '../engine/kit.ts'

/** How a page hears of a worker's end: Node tells, Chromium closes its ports, and other browsers say nothing. */
export type Death = 'told' | 'closed' | 'silent'

export interface FrailOptions {
  readonly death: Death
  /** What the worker serves while it lives. */
  serve(life: AbortSignal): Served
}

export function frail({ death, serve }: FrailOptions): WorkerLike {
  const life = new AbortController()
  const ports: MessagePort[] = []
  const exits = new Set<() => void>()

  function end(): void {
    if (life.signal.aborted) return
    life.abort()
    if (death !== 'silent') for (const port of ports) port.close()
    if (death === 'told') for (const hear of exits) hear()
  }

  const attend = attendant(serve(life.signal), end)
  const worker: WorkerLike = {
    postMessage(message, transfer: readonly MessagePort[]) {
      const copy = structuredClone(message, { transfer: [...transfer] })
      ports.push((copy as { readonly port: MessagePort }).port)
      setImmediate(() => life.signal.aborted || attend(copy))
    },
    terminate: end,
  }
  if (death !== 'told') return worker
  const events = {
    on: (event: string, hear: () => void) => event === 'exit' && exits.add(hear),
    off: (_: string, hear: () => void) => exits.delete(hear),
  }
  return Object.defineProperty({ ...worker, ...events }, 'threadId', { get: () => (life.signal.aborted ? -1 : 1) })
}

const never = () => new Promise<never>(() => {})

/** What is answered after the end is heard by nobody. */
const during = <T>(life: AbortSignal, work: () => Promise<T>): Promise<T> =>
  life.aborted
    ? never()
    : work().then(
        value => (life.aborted ? never() : value),
        error => (life.aborted ? never() : Promise.reject(error)),
      )

export function platformDuring(life: AbortSignal, platform: Platform): Platform {
  const died = new Promise<void>(resolve => life.addEventListener('abort', () => resolve()))
  return {
    ...platform,
    fetch: request => during(life, () => platform.fetch(request)),
    sleep: (ms, signal) => during(life, () => platform.sleep(ms, signal)),
    locks: {
      everywhere: true,
      hold: (name, { signal, ...how }, work) =>
        during(life, () =>
          platform.locks.hold(name, { ...how, signal: AbortSignal.any([signal, life]) }, lost =>
            Promise.race([work(lost), died]),
          ),
        ),
    },
  }
}

/** A store that page and worker both have, as they do on a disk. */
export function storeDuring(life: AbortSignal, driver: StoreDriver): StoreDriver {
  return {
    ...driver,
    async open(shape, platform) {
      const store = await driver.open(shape, platform)
      return {
        ...store,
        durable: true,
        read: (scope, work) => during(life, () => store.read(scope, work)),
        write: (scope, work, options) => during(life, () => store.write(scope, work, options)),
        watch: hear => store.watch(touched => life.aborted || hear(touched)),
        close: () => during(life, () => store.close()),
      }
    },
  }
}

/** Lets time pass until the work is done. */
export async function played<T>(world: World, work: Promise<T>): Promise<T> {
  let over = false
  const done = work.finally(() => {
    over = true
  })
  done.catch(() => {}) // whoever awaits this hears it
  for (let passes = 0; !over; passes++) {
    if (passes > 40_000) throw new Error('A thousand seconds, and no end.')
    await world.pass(25)
  }
  return done
}
