/** Large files over the file API: pieces, resuming, ranges; with every header, and as a browser sees a strict server. */
import { describe, expect, test } from 'vitest'
import type { Change, RemoteRecord } from '../../../src/model.ts'
import type { Body } from '../../../src/transport.ts'
import { allOf, bodyOf, type Client } from '../../conformance/transport-io.ts'
import { drive, states } from './drive.ts'

const mib = 1024 * 1024
const long = (length: number, salt = 1) => new Uint8Array(length).map((_, at) => (at * salt) % 251)

const named = (one: Client, name: string): RemoteRecord =>
  Object.values(one.live('tree')).find(({ value }) => value?.name === name)!

/** What a body was asked for. */
function watched(body: Body): Body & { readonly reads: [number, number][] } {
  const reads: [number, number][] = []
  return {
    ...body,
    reads,
    read(from, to) {
      reads.push([from, to])
      return body.read(from, to)
    },
  }
}

describe.each(['client', 'browser'] as const)('seen by a %s', seenAs => {
  const driveOf = () => drive(seenAs === 'browser' ? { seenAs, cors: 'strict' } : {})
  type Drive = ReturnType<typeof driveOf>

  function large(d: Drive, bytes: Uint8Array, base?: RemoteRecord): readonly [Change, ReturnType<typeof watched>] {
    const body = watched(bodyOf(bytes))
    const value = { ...d.file('large', ''), size: bytes.length, sha256: body.sha256 }
    return [d.change(base?.id ?? 'fil_abcdefgh', value, base), body]
  }

  /** Uploads and applies `bytes`, and pulls what came of it. */
  async function make(d: Drive, one: Client, bytes: Uint8Array): Promise<RemoteRecord> {
    const [change, body] = large(d, bytes)
    await one.transport.bodies!.upload(change, body, one.io())
    expect(states(await d.send(one, change))).toEqual(['accepted'])
    await one.pull()
    return named(one, 'large')
  }

  test('a large file goes in pieces, is whole there, and comes back the same', async () => {
    const d = driveOf()
    const one = await d.device()
    const bytes = long(3 * mib + 5)
    const record = await make(d, one, bytes)
    const back = await allOf(await one.transport.bodies!.download(record, record, 0, one.io()))
    expect(Buffer.compare(back, bytes)).toBe(0)
  })

  test('an upload that broke goes on behind what the server has', async () => {
    const d = driveOf()
    const one = await d.device()
    const [change, body] = large(d, long(4 * mib))
    let puts = 0
    d.server.weather.next({ method: 'PUT', path: /upload/, times: 1, latency: 0 })
    const io = one.io()
    const breaking = {
      ...io,
      fetch: (url: string | URL, init?: RequestInit) => {
        if (init?.method === 'PUT' && ++puts === 3) throw new TypeError('fetch failed')
        return io.fetch(url, init)
      },
    }
    await expect(one.transport.bodies!.upload(change, body, breaking)).rejects.toMatchObject({ code: 'network' })
    expect(body.reads.length).toBe(3)
    await one.transport.bodies!.upload(change, body, one.io())
    // A page may not see how much there is, so one piece goes again and the answer says the rest.
    const again = seenAs === 'browser' ? [[0, mib]] : []
    expect(body.reads.slice(3)).toEqual([...again, [2 * mib, 3 * mib], [3 * mib, 4 * mib]])
    expect(states(await d.send(one, change))).toEqual(['accepted'])
  })

  test('an upload that was complete and never answered is found complete', async () => {
    const d = driveOf()
    const one = await d.device()
    const [change, body] = large(d, long(2 * mib + 1))
    for (let time = 0; time < 2; time++) await one.transport.bodies!.upload(change, body, one.io())
    expect(states(await d.send(one, change))).toEqual(['accepted'])
  })

  test('other bytes under the same change are not taken for these', async () => {
    const d = driveOf()
    const one = await d.device()
    const [change] = large(d, long(mib + 9, 3))
    await one.transport.bodies!.upload(change, bodyOf(long(mib + 9, 3)), one.io())
    const other = one.transport.bodies!.upload(change, bodyOf(long(mib + 9, 5)), one.io())
    await expect(other).rejects.toMatchObject({ code: 'protocol' })
  })

  test('a download goes on from the middle, pinned to its version (F66)', async () => {
    const d = driveOf()
    const one = await d.device()
    const bytes = long(2 * mib + 5)
    const record = await make(d, one, bytes)
    d.admin.edit(d.share, '/large', 'another')
    const { at, pieces } = await one.transport.bodies!.download(record, record, 2 * mib, one.io())
    expect(at).toBe(2 * mib)
    expect(Buffer.compare(await allOf({ pieces }), bytes.subarray(2 * mib))).toBe(0)
  })

  test('a download asks for 4 MiB at a time, and what is cut, repeated or sent whole is the same in the end', async () => {
    const d = driveOf()
    const bytes = long(10 * mib + 5, 7)
    const maker = await d.device()
    const record = await make(d, maker, bytes)
    const asked: (string | null)[] = []
    const ways = [
      // As it should be.
      (answer: Response) => answer,
      // A server that begins earlier than it was asked to, and says so.
      (answer: Response, from: number) =>
        from === 0 || seenAs === 'browser'
          ? answer
          : new Response(bytes.subarray(from - 1000, from + 2 * mib), {
              status: 206,
              headers: { 'content-range': `bytes ${from - 1000}-${from + 2 * mib - 1}/${bytes.length}` },
            }),
      // One that gives less than it was asked for.
      (_: Response, from: number) => new Response(bytes.subarray(from, from + 3 * mib), { status: 206 }),
      // One that forgets how to give parts.
      (answer: Response, from: number) => (from === 0 ? answer : new Response(bytes)),
    ]
    for (const [at, way] of ways.entries()) {
      const one = await d.device(`device-${at}`, {}, async (url, answer, request) => {
        if (!url.pathname.includes('/download/')) return answer
        asked.push(request.headers.get('range'))
        return way(answer, Number(/^bytes=(\d+)-/.exec(request.headers.get('range') ?? '')?.[1] ?? 0))
      })
      asked.length = 0
      const back = await allOf(await one.transport.bodies!.download(record, record, 0, one.io()))
      expect(Buffer.compare(back, bytes)).toBe(0)
      if (at === 0) expect(asked).toEqual([0, 4, 8].map(n => `bytes=${n * mib}-${n === 8 ? '' : (n + 4) * mib - 1}`))
    }
    const never = await d.device('device-9', {}, async (url, answer, request) =>
      url.pathname.includes('/download/') && !request.headers.get('range')?.startsWith('bytes=0-')
        ? new Response(null, { status: 206 })
        : answer,
    )
    const ends = allOf(await never.transport.bodies!.download(record, record, 0, never.io()))
    await expect(ends).rejects.toMatchObject({ code: 'truncated' })
  })

  test('a server without ranges, and one that has less than was thought, send all of it', async () => {
    const d = driveOf()
    const bytes = long(mib + 5)
    const plain = await d.device('device-1', {}, async (url, answer) =>
      url.pathname.includes('/download/') && answer.status === 206 ? new Response(bytes) : answer,
    )
    const record = await make(d, plain, bytes)
    expect((await plain.transport.bodies!.download(record, record, mib, plain.io())).at).toBe(0)
    const one = await d.device()
    const beyond = await one.transport.bodies!.download(record, record, 9 * mib, one.io())
    expect(beyond.at).toBe(0)
    expect(Buffer.compare(await allOf(beyond), bytes)).toBe(0)
  })
})
