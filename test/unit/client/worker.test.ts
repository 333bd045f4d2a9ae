/** What a page does with its worker, and without: started, watched, refused, replaced (I19, I23). */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { defineSchema, memory, type Status, type WorkerLike } from '../../../src/index.ts'
import { memoryDisk } from '../../../src/stores/memory.ts'
import type { AskToken, Transport } from '../../../src/transport.ts'
import { mortal } from '../../conformance/client/mortal.ts'
import { played } from './frail.ts'
import { type StageOptions, schema, stageOf } from './worker-app.ts'

const warnings: string[] = []
beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation((text: string) => void warnings.push(text))
})
afterEach(() => {
  vi.restoreAllMocks()
  warnings.length = 0
})

const minutes = 60_000

/** A stage whose scenes are played in its own time. */
function stage(options: StageOptions = {}) {
  const on = stageOf(options)
  return {
    ...on,
    play: (work: () => Promise<void>) => played(on.world, work()),
    /** Counts the workers, which may be broken. */
    counted(make: () => WorkerLike = on.worker) {
      const starts: number[] = []
      const worker = () => {
        starts.push(on.world.now())
        return make()
      }
      return { starts, worker }
    },
    async until(wanted: Status['phase'], db: Awaited<ReturnType<typeof on.open>>): Promise<Status> {
      for (;;) {
        const status = await db.remotes.fake.status.get()
        if (status.phase === wanted) return status
        await on.slowly()
      }
    },
  }
}

const broken = (): WorkerLike => {
  throw new Error('No workers here.')
}

describe('where no worker starts', () => {
  test('the engine runs in the page after two tries, with one warning', async () => {
    const { play, counted, open, serve, until, fake, tab } = stage()
    const { starts, worker } = counted(broken)
    await play(async () => {
      const db = await open({ worker, inline: async () => ({ default: serve(new AbortController().signal) }) })
      const write = await db.data.notes.put('a', { text: 'here' })
      expect(await write.settled()).toBe('accepted')
      await until('synced', db)
      await tab.platform.sleep(5 * minutes)
      await db.close()
    })
    expect(fake.values()).toEqual({ a: { text: 'here' } })
    expect(starts.length).toBe(2)
    expect(warnings).toEqual([expect.stringContaining('syncing in the page itself')])
  })

  test('and none is allowed in the page, it is tried again and again, with pauses that double up to a minute', async () => {
    const { play, counted, open, until, world, tab } = stage()
    const { starts, worker } = counted(broken)
    await play(async () => {
      const db = await open({ worker })
      await db.data.notes.put('a', { text: 'here' })
      const { reason, nextTry, pending } = await until('waiting', db)
      expect([reason?.code, nextTry, pending]).toEqual(['worker-unavailable', world.now() + 250, 1])
      await tab.platform.sleep(5 * minutes)
      expect(await db.data.notes.get('a')).toEqual({ text: 'here' })
      await db.close()
    })
    const pauses = starts.slice(1).map((start, at) => start - starts[at]!)
    expect(pauses.slice(0, 11)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
    expect(warnings).toEqual([])
  })

  test('any more, but one did, the engine does not move into the page', async () => {
    const { play, worker, open, serve, until, tab } = stage()
    const inline = vi.fn(async () => ({ default: serve(new AbortController().signal) }))
    const first = mortal(worker, 40)
    await play(async () => {
      const db = await open({ worker: () => (first.made() === 0 ? first.worker() : broken()), inline })
      await until('waiting', db)
      await tab.platform.sleep(5 * minutes)
      expect((await until('waiting', db)).reason?.code).toBe('worker-unavailable')
      await db.close()
    })
    expect([inline.mock.calls.length, warnings]).toEqual([0, []])
  })
})

describe('a store in the memory of the page', () => {
  const alone = () => memory('alone', { disk: memoryDisk('page') })

  test('is synced in the page, and no worker is made that would have another memory', async () => {
    const { play, counted, open, serve, until, fake } = stage()
    const { starts, worker } = counted()
    await play(async () => {
      const inline = async () => ({ default: serve(new AbortController().signal) })
      const db = await open({ store: alone(), worker, inline })
      await db.data.notes.put('a', { text: 'here' })
      expect((await until('synced', db)).durable).toBe(false)
      await db.close()
    })
    expect(fake.values()).toEqual({ a: { text: 'here' } })
    expect([starts, warnings]).toEqual([[], []])
  })

  test('says that it is not synced where the engine may not be in the page', async () => {
    const { play, counted, open, until, tab } = stage()
    const { starts, worker } = counted()
    await play(async () => {
      const db = await open({ store: alone(), worker })
      await db.data.notes.put('a', { text: 'here' })
      expect((await until('needs-user', db)).reason?.code).toBe('unsupported')
      await tab.platform.sleep(5 * minutes)
      expect(await db.data.notes.get('a')).toEqual({ text: 'here' })
      await db.close()
    })
    expect(starts).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('nothing is synced here')])
  })
})

describe('a worker that the app made itself', () => {
  test('is not ended with the database, and serves the next one', async () => {
    const { play, worker, open, until } = stage()
    const one = worker()
    const terminate = vi.spyOn(one, 'terminate')
    await play(async () => {
      for (const id of ['a', 'b']) {
        const db = await open({ worker: one })
        const write = await db.data.notes.put(id, { text: id })
        expect(await write.settled()).toBe('accepted')
        await until('synced', db)
        await db.close()
      }
    })
    expect(terminate).not.toHaveBeenCalled()
  })
})

describe('a worker that does not fit', () => {
  const [{ notes }] = [schema.collections]
  const other = (version: number, conflicts: 'KEEP_BOTH' | 'SERVER_WINS') =>
    defineSchema({ version, collections: { notes: { ...notes, conflicts } } }) as typeof schema
  const { fake } = stageOf()

  test.each<[what: string, code: string, setup: NonNullable<StageOptions['setup']>]>([
    ['with a schema of another version', 'outdated', { schema: other(2, 'KEEP_BOTH') }],
    ['with another rule for conflicts', 'schema-mismatch', { schema: other(1, 'SERVER_WINS') }],
    ['with another store', 'schema-mismatch', { store: memory('other') }],
    [
      'with another remote more',
      'schema-mismatch',
      { remotes: { fake: fake.transport, more: fake.transport } as { fake: Transport } },
    ],
  ])('%s is not tried again; the status says why, and everything here goes on', async (_, code, setup) => {
    const { play, counted, open, until, tab, fake } = stage({ setup })
    const { starts, worker } = counted()
    await play(async () => {
      const db = await open({ worker })
      const { reason } = await until('needs-user', db)
      expect(reason?.code).toBe(code)
      await db.data.notes.put('a', { text: 'here' })
      await tab.platform.sleep(5 * minutes)
      const { phase, pending } = await db.remotes.fake.status.get()
      expect([phase, pending, await db.data.notes.get('a')]).toEqual(['needs-user', 1, { text: 'here' }])
      await db.close()
    })
    expect([starts.length, fake.values()]).toEqual([1, {}])
    expect(warnings).toEqual([expect.stringContaining('nothing is synced here')])
  })

  test('by its protocol is outdated before it is told anything', async () => {
    const { play, open, until } = stage()
    const told: unknown[] = []
    const newer: WorkerLike = {
      postMessage(message) {
        const { port } = message as { readonly port: MessagePort }
        port.addEventListener('message', ({ data }) => told.push(data))
        port.start()
        port.postMessage({ tidemark: 'open', protocol: 2 })
      },
      terminate() {},
    }
    await play(async () => {
      const db = await open({ worker: () => newer })
      expect((await until('needs-user', db)).reason?.code).toBe('outdated')
      await db.close()
    })
    expect(told).toEqual([])
  })
})

describe('a worker that hangs', () => {
  test('is ended after three pings without an answer, and another one goes on', async () => {
    const { play, worker, open, until, fake, world } = stage()
    const ends: number[] = []
    let hung = 0
    const workers = mortal(
      () => {
        const one = worker()
        return Object.defineProperty(one, 'terminate', {
          value: (end => () => {
            ends.push(world.now())
            end()
          })(one.terminate),
        })
      },
      25,
      {
        hangs: true,
        died: () => {
          hung = world.now()
        },
      },
    )
    await play(async () => {
      const db = await open({ worker: workers.worker })
      for (const id of ['a', 'b', 'c', 'd']) await db.data.notes.put(id, { text: id }).then(write => write.settled())
      await until('synced', db)
      expect(Object.keys(fake.values())).toEqual(['a', 'b', 'c', 'd'])
      expect(workers.made()).toBe(2)
      const [end = 0] = ends
      expect(end - hung).toBeGreaterThan(10_000) // one long task is no end
      expect(end - hung).toBeLessThan(32_000)
      await db.close()
    })
  })
})

describe('a token', () => {
  const secret = 'a-token-of-ada'
  /** Asks before every request, as the transports do. */
  const asking = (token: AskToken, usual: Transport): Transport => ({
    ...usual,
    pull: {
      ...usual.pull!,
      async *pages(from, io) {
        expect(await token({ refresh: false })).toBe(secret)
        yield* usual.pull!.pages(from, io)
      },
    },
    push: {
      ...usual.push!,
      async send(changes, io) {
        expect(await token({ refresh: true })).toBe(secret)
        return usual.push!.send(changes, io)
      },
    },
  })

  test('is in the answer to its own call, and in no other message, no store and no status (S1, I23)', async () => {
    const { play, worker, open, until, tab, disk } = stage({ transport: asking })
    const messages: { readonly id?: string; readonly path?: readonly string[] }[] = []
    const workers = mortal(worker, 0, { sees: message => messages.push(message as object) })
    const asked: boolean[] = []
    await play(async () => {
      const ask: AskToken = ({ refresh }) => {
        asked.push(refresh)
        return secret
      }
      const db = await open({ worker: workers.worker, tokens: { fake: ask } })
      await db.data.notes.put('a', { text: 'here' }).then(write => write.settled())
      db.remotes.fake.sync()
      await until('synced', db)
      expect(JSON.stringify([await db.remotes.fake.status.get(), await db.outbox.list()])).not.toContain(secret)
      await tab.platform.sleep(minutes)
      await db.close()
    })
    expect(new Set(asked)).toEqual(new Set([false, true]))
    const calls = new Set(messages.filter(({ path }) => path?.[0] === 'token').map(({ id }) => id))
    const carrying = messages.filter(message => textOf(message).includes(secret))
    expect(carrying.length).toBe(asked.length)
    expect(carrying.every(({ id }) => calls.has(id))).toBe(true)
    expect(textOf(disk.contents.databases)).toContain('here')
    expect(textOf(disk.contents.databases)).not.toContain(secret)
  })

  test('that the app refuses stops the remote with needs-auth, and says nothing of why', async () => {
    const { play, worker, open, until } = stage({ transport: asking })
    const seen: unknown[] = []
    const workers = mortal(worker, 0, { sees: message => seen.push(message) })
    await play(async () => {
      const fails = () => Promise.reject(new Error(`${secret} has expired`))
      const db = await open({ worker: workers.worker, tokens: { fake: fails } })
      const { reason } = await until('needs-auth', db)
      expect(textOf(reason)).not.toContain(secret)
      await db.close()
    })
    expect(textOf(seen)).not.toContain(secret)
  })
})

/** Everything in it, in maps and sets too. */
function textOf(value: unknown): string {
  const seen = new Set<unknown>()
  return (
    JSON.stringify(value, (_, part: unknown) => {
      if (typeof part === 'bigint') return `${part}`
      if (typeof part !== 'object' || part === null) return part
      if (seen.has(part)) return null
      seen.add(part)
      if (part instanceof Map) return [...part]
      return part instanceof Set ? [...part] : part
    }) ?? ''
  )
}
