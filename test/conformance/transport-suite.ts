/**
 * What every transport owes the engine, as a function over one. A remote is faked by its sandbox, the engine by
 * `transport-io.ts`. What a transport cannot do it says by name, with the reason.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Code } from '../../src/errors.ts'
import type { Change, Receipt } from '../../src/model.ts'
import type { Page } from '../../src/transport.ts'
import type { Client } from './transport-io.ts'

/** A fault as the sandboxes' weather takes it. */
export interface Fault {
  readonly path?: RegExp
  readonly times?: number
  readonly before?: number | 'refuse' | { readonly status: number; readonly retryAfter?: number | string }
  readonly after?: number | 'lose-answer'
  readonly again?: number
  readonly spoil?:
    | 'cut'
    | 'short'
    | 'html'
    | 'empty'
    | 'no-content'
    | 'wrong-type'
    | 'bom'
    | 'trailing-garbage'
    | { readonly swell: number }
    | { readonly redirect: string }
}

/** One remote with a few records in it, and what the suite needs to play with it. */
export interface Remote {
  /** A device that has joined and not pulled; the same id is the same device with an empty store. */
  client(device?: string): Promise<Client>
  /** Something happens on the remote that a pull will bring. */
  happen(): void | Promise<void>
  /** The request that reads news. */
  readonly reads: RegExp
  fault(fault: Fault): void
  readonly push?: {
    /** The request that takes changes. */
    readonly writes: RegExp
    /** A change that the remote will accept. */
    good(from: Client): Promise<Change>
    /** A change whose record was changed on the remote after it was based. */
    clashing(from: Client): Promise<Change>
    /** How many effects a change had. */
    effects(change: Change): number
  }
}

export interface TransportCase {
  readonly name: string
  make(): Promise<Remote>
  /** Where this API gives a status another meaning on the request that reads news. */
  readonly codes?: { readonly [status: number]: Code }
  /** The remote gives another cursor with each answer: pages are compared without. */
  readonly freshCursors?: true
  /** Statuses that the transport itself answers with another request. */
  readonly retries?: readonly number[]
  readonly cannot?: readonly { readonly what: 'push' | 'join' | 'echo' | 'clash'; readonly why: string }[]
}

const refusals: readonly (readonly [status: number, code: Code])[] = [
  [400, 'rejected'],
  [401, 'needs-auth'],
  [403, 'forbidden'],
  [404, 'missing'],
  [408, 'server'],
  [413, 'too-large'],
  [429, 'throttled'],
  [500, 'server'],
  [502, 'server'],
  [503, 'server'],
  [504, 'server'],
]

const spoils: readonly (readonly [spoil: NonNullable<Fault['spoil']>, code: Code])[] = [
  ['cut', 'network'],
  ['short', 'truncated'],
  ['html', 'not-the-api'],
  ['empty', 'truncated'],
  ['no-content', 'protocol'],
  ['wrong-type', 'not-the-api'],
  ['bom', 'protocol'],
  ['trailing-garbage', 'protocol'],
  [{ swell: 17 * 1024 * 1024 }, 'protocol'],
  [{ redirect: 'https://elsewhere.example/' }, 'misconfigured'],
]

export function transportSuite({
  name,
  make,
  codes = {},
  retries = [],
  cannot = [],
  freshCursors,
}: TransportCase): void {
  describe(`transport ${name}`, () => {
    beforeEach(() => {
      for (const global of ['fetch', 'WebSocket', 'EventSource', 'XMLHttpRequest']) {
        vi.stubGlobal(global, () => {
          throw new Error(`The transport touched the global ${global}.`)
        })
      }
    })
    afterEach(() => void vi.unstubAllGlobals())

    for (const { what, why } of cannot) test(`cannot ${what}: ${why}`, () => {})

    describe('pull', () => {
      test('the same cursor gives the same pages, from nothing and from the middle', async () => {
        const remote = await make()
        const [one, other] = [await remote.client(), await remote.client()]
        const told = (pages: readonly Page[]) => (freshCursors ? pages.map(({ cursor: _, ...page }) => page) : pages)
        expect(told(await one.pull())).toEqual(told(await other.pull()))
        await remote.happen()
        await remote.happen()
        const pages = await one.look()
        expect(pages.length).toBeGreaterThan(0)
        expect(told(await one.look())).toEqual(told(pages))
      })

      test('pages end, and then there is nothing more', async () => {
        const remote = await make()
        const one = await remote.client()
        const pages = await one.pull()
        expect(pages.flatMap(({ records }) => records).length).toBeGreaterThan(0)
        expect((await one.look()).flatMap(({ records }) => records)).toEqual([])
      })

      test('a first walk names what it listed whole, and only at its end', async () => {
        const remote = await make()
        const one = await remote.client()
        const pages = await one.pull()
        const complete = pages.map(page => (page.complete ?? []).length > 0)
        expect(complete.indexOf(true)).toBeGreaterThanOrEqual(0)
        expect(complete.slice(complete.indexOf(true) + 1).includes(false)).toBe(false)
        for (const { source } of pages.flatMap(page => page.complete ?? [])) {
          expect(Object.keys(one.transport.sources)).toContain(source)
        }
      })

      test('a pull that ends after any page goes on from there, and nothing is missing', async () => {
        const remote = await make()
        const whole = await remote.client()
        const { length } = await whole.pull()
        for (let ends = 1; ends <= length; ends++) {
          const one = await remote.client()
          await one.pull({ pages: ends })
          await one.pull()
          expect(one.state()).toEqual(whole.state())
        }
      })

      test('abort ends it before, and in the middle of a request, with the cursor unmoved', async () => {
        const remote = await make()
        const one = await remote.client()
        await one.pull()
        await remote.happen()
        const before = one.cursor
        await expect(one.pull({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' })
        const stop = new AbortController()
        one.onRequest = () => stop.abort()
        await expect(one.pull({ signal: stop.signal })).rejects.toMatchObject({ code: 'aborted' })
        one.onRequest = undefined
        expect(one.cursor).toEqual(before)
      })

      const failures: readonly (readonly [string, Fault, Code])[] = [
        ['no connection', { before: 'refuse' }, 'network'],
        ...refusals
          .filter(([status]) => !retries.includes(status))
          .map(([status, code]) => [`status ${status}`, { before: status }, codes[status] ?? code] as const),
        ...spoils.map(([spoil, code]) => [JSON.stringify(spoil), { spoil }, code] as const),
      ]
      test.each(failures)('%s leaves the cursor where it is, and the next pull goes on', async (_, fault, code) => {
        const remote = await make()
        const one = await remote.client()
        await one.pull()
        const before = one.cursor
        await remote.happen()
        remote.fault({ path: remote.reads, times: code === 'needs-auth' ? 2 : 1, ...fault })
        await expect(one.pull()).rejects.toMatchObject({ name: 'SyncError', code })
        expect(one.cursor).toEqual(before)
        const pages = await one.pull()
        expect(pages.flatMap(({ records }) => records).length).toBeGreaterThan(0)
      })

      test('a first walk that fails at any request is finished by the next pulls', async () => {
        const remote = await make()
        const whole = await remote.client()
        await whole.pull()
        const requests = whole.requests.length
        for (let at = 1; at <= requests; at++) {
          const one = await remote.client()
          const from = one.requests.length
          one.onRequest = () => {
            if (one.requests.length - from === at) throw new TypeError('fetch failed')
          }
          await one.pull().catch(error => expect(error).toMatchObject({ code: 'network' }))
          one.onRequest = undefined
          await one.pull()
          expect(one.state()).toEqual(whole.state())
        }
      })

      test('429 says when to try again', async () => {
        const remote = await make()
        const one = await remote.client()
        await one.pull()
        remote.fault({ path: remote.reads, before: { status: 429, retryAfter: 7 } })
        await expect(one.pull()).rejects.toMatchObject({ code: 'throttled', notBefore: expect.any(Number) })
      })
    })

    if (!cannot.some(({ what }) => what === 'push')) {
      describe('push', () => {
        async function ready() {
          const remote = await make()
          const one = await remote.client()
          await one.pull()
          if (!remote.push || !one.transport.push) throw new Error(`${name} does not push: say so in \`cannot\`.`)
          const send = async (...changes: Change[]) => (await one.transport.push!.send(changes, one.io())).receipts
          return { remote, one, pushing: remote.push, send }
        }
        const states = (receipts: readonly Receipt[]) => receipts.map(({ state }) => state)

        test('every change gets its receipt, in order', async () => {
          const { one, pushing, send } = await ready()
          const changes = [await pushing.good(one), await pushing.good(one), await pushing.good(one)]
          const receipts = await send(...changes)
          expect(receipts.map(({ change }) => change)).toEqual(changes.map(({ change }) => change))
          expect(new Set(states(receipts))).toEqual(new Set(['accepted']))
        })

        test('what is sent twice happens once', async () => {
          const { one, pushing, send } = await ready()
          const change = await pushing.good(one)
          expect(states(await send(change))).toEqual(['accepted'])
          expect(states(await send(change))).toEqual(['accepted'])
          expect(pushing.effects(change)).toBe(1)
        })

        test('a request that arrives twice, or whose answer is lost, happens once', async () => {
          const { remote, one, pushing, send } = await ready()
          const twice = await pushing.good(one)
          remote.fault({ path: pushing.writes, again: 0 })
          await send(twice).catch(() => undefined)
          const lost = await pushing.good(one)
          remote.fault({ path: pushing.writes, after: 'lose-answer' })
          const answer = await send(lost).catch(error => {
            expect(error).toMatchObject({ code: 'network' })
            return undefined
          })
          if (answer !== undefined) expect(states(answer)).toEqual(['unknown'])
          expect(states(await send(twice, lost))).toEqual(['accepted', 'accepted'])
          expect([pushing.effects(twice), pushing.effects(lost)]).toEqual([1, 1])
        })

        test('a conflict is a receipt, and harms nobody else', async () => {
          if (cannot.some(({ what }) => what === 'clash')) return
          const { one, pushing, send } = await ready()
          const clashing = await pushing.clashing(one)
          const good = await pushing.good(one)
          expect(states(await send(clashing, good))).toEqual(['conflict', 'accepted'])
        })

        test('one comes back as its own echo', async () => {
          const { one, pushing, send } = await ready()
          const change = await pushing.good(one)
          const [receipt] = await send(change)
          const made = receipt?.state === 'accepted' ? receipt : undefined
          const news = (await one.pull()).flatMap(({ records }) => records)
          // Where nothing says whose it was, the content that was accepted under its id does.
          const nameless = cannot.some(({ what }) => what === 'echo')
          const named = made?.id ?? change.id
          const echo = news.find(({ id, origin }) => (nameless ? id === named : origin === change.change))
          expect(echo?.value).toEqual(made?.remote?.value ?? change.value)
        })

        const failures: readonly (readonly [string, Fault, Code])[] = [
          ['no connection', { before: 'refuse' }, 'network'],
          ['401', { before: 401, times: 2 }, 'needs-auth'],
          ['429', { before: 429 }, 'throttled'],
          ['500', { before: 500 }, 'server'],
          ['500 afterwards', { after: 500 }, 'server'],
          ...spoils.map(([spoil, code]) => [JSON.stringify(spoil), { spoil }, code] as const),
        ]
        test.each(failures)('%s fails the request as a whole, and the next try tells', async (_, fault, code) => {
          const { remote, one, pushing, send } = await ready()
          const change = await pushing.good(one)
          remote.fault({ path: pushing.writes, ...fault })
          await expect(send(change)).rejects.toMatchObject({ name: 'SyncError', code })
          expect(states(await send(change))).toEqual(['accepted'])
          expect(pushing.effects(change)).toBe(1)
        })

        test('abort ends it', async () => {
          const { one, pushing } = await ready()
          const change = await pushing.good(one)
          const sent = one.transport.push!.send([change], one.io(AbortSignal.abort()))
          await expect(sent).rejects.toMatchObject({ code: 'aborted' })
          expect(pushing.effects(change)).toBe(0)
        })

        test('a copy is the same each time, and is something new', async () => {
          const { one, pushing } = await ready()
          const change = await pushing.good(one)
          const { copy, check } = one.transport.sources[change.collection]!
          if (copy === undefined || change.value === null) return
          const make = () => copy(change, change.value!, change, [], one.device)
          expect(make()).toEqual(make())
          expect(make()?.id).not.toBe(change.id)
          expect(check?.(make()!.id, make()!.value)).toBeUndefined()
        })
      })
    }

    if (!cannot.some(({ what }) => what === 'join')) {
      test('joining twice is joining once', async () => {
        const remote = await make()
        const one = await remote.client()
        await one.transport.join!(one.io())
        expect((await one.pull()).length).toBeGreaterThan(0)
      })
    }
  })
}
