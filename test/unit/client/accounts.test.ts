/** Two accounts one after the other in one program, against the sandbox: nothing of one is ever the other's (I21). */
import { afterEach, describe, expect, test } from 'vitest'
import { open } from '../../../src/client/open.ts'
import { type Platform, platform } from '../../../src/platform.ts'
import { filesSandbox } from '../../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../../src/sandbox/real-world.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { files } from '../../../src/transports/files/index.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A server with two people, whose answers can be held back, and a program that signs in as one of them. */
function program() {
  const sandbox = filesSandbox({ world: realWorld })
  const disk = memoryDisk()
  const held: (() => void)[] = []
  const seen: { readonly token: string; readonly path: string }[] = []
  let holding: RegExp | undefined
  let heldOne = () => {}
  const world: Platform = {
    ...platform(),
    async fetch(request) {
      const { pathname } = new URL(request.url)
      seen.push({ token: request.headers.get('authorization')?.slice(7) ?? '', path: pathname })
      const answer = await sandbox.fetch(request.clone())
      // The answer comes whatever became of the request: as late as can be.
      if (holding?.test(`${request.method} ${pathname}`)) {
        await new Promise<void>(resolve => {
          held.push(resolve)
          heldOne()
        })
      }
      return answer
    },
    socket: () => ({ send() {}, close() {} }),
  }

  function person(name: string) {
    const { user_id, token } = sandbox.admin.addUser(name)
    const share = sandbox.admin.addShare(`${name}'s`, user_id)
    const issued = { token }
    return { name, share, token, issued }
  }

  async function signIn(who: ReturnType<typeof person>, tokens = () => who.issued.token) {
    const notes = collection<{ text: string }>()({ remote: 'drive', conflicts: 'KEEP_BOTH' })
    const db = await open({
      account: who.name,
      store: memory(`app:${who.name}`, { disk }),
      schema: defineSchema({ version: 1, collections: { notes } }),
      remotes: {
        drive: files({ url: 'https://drive.test', share: who.share, folders: { notes: '/notes' }, token: tokens }),
      },
      platform: world,
    })
    ends.push(() => db.close())
    return db
  }

  return {
    seen,
    person,
    signIn,
    /** Resolves when an answer to such a request is held back. */
    hold(which: RegExp) {
      holding = which
      return new Promise<void>(resolve => {
        heldOne = resolve
      })
    },
    letGo() {
      holding = undefined
      for (const go of held.splice(0)) go()
    },
    paths: (share: string) => sandbox.inspect().tree[share]?.map(({ path }) => path) ?? [],
  }
}

const textsOf = async (db: { data: { notes: { list(): Promise<readonly { value: { text: string } }[]> } } }) =>
  (await db.data.notes.list()).map(({ value }) => value.text)

describe('an account that is left with requests in flight', () => {
  test.each([
    ['a pull', /^GET \/api\/v1\/(sync\/changes|folders)/],
    ['a push', /^POST \/api\/v1\/sync\/apply/],
    ['a registration', /^POST \/api\/v1\/sync\/devices$/],
  ])('gets nothing of it into the next one, nor the next one’s token onto it: %s', async (_, which) => {
    const { seen, person, signIn, hold, letGo, paths } = program()
    const [ann, bob] = [person('Ann'), person('Bob')]
    const arriving = hold(which)
    const first = await signIn(ann)
    await first.data.notes.add({ text: 'of Ann' }, 'a')
    await arriving
    await first.close() // with the answer on its way
    const before = seen.length
    const second = await signIn(bob)
    await second.data.notes.add({ text: 'of Bob' }, 'b')
    letGo()
    expect((await second.remotes.drive.synced()).phase).toBe('synced')
    expect(await textsOf(second)).toEqual(['of Bob'])
    expect(seen.slice(before).filter(({ token }) => token !== bob.token)).toEqual([])
    expect(paths(bob.share).length).toBeGreaterThan(0)
    await second.close()
    // What Ann had not sent, or does not know the answer to, goes on when she is back.
    const third = await signIn(ann)
    expect((await third.remotes.drive.synced()).phase).toBe('synced')
    expect([await textsOf(third), await third.unsynced()]).toEqual([
      ['of Ann'],
      { changes: 0, held: 0, asked: 0, local: 0 },
    ])
    expect(paths(ann.share)).toHaveLength(paths(bob.share).length)
  })
})

describe('signing out with changes that were not sent', () => {
  async function offline() {
    const all = program()
    const ann = all.person('Ann')
    const db = await all.signIn(ann)
    await db.remotes.drive.synced()
    await db.remotes.drive.pause()
    await db.data.notes.add({ text: 'not sent' }, 'a')
    return { ...all, ann, db }
  }

  test('can wait for them', async () => {
    const { db } = await offline()
    await db.remotes.drive.resume()
    await db.remotes.drive.synced()
    expect(await db.wipe()).toEqual({ changes: 0, held: 0, asked: 0, local: 0 })
  })

  test('can keep them for the next time', async () => {
    const { db, ann, signIn } = await offline()
    await db.close()
    const again = await signIn(ann)
    expect([await textsOf(again), (await again.unsynced()).changes]).toEqual([['not sent'], 1])
  })

  test('can take them out, or give them up, and must say so', async () => {
    const { db, ann, signIn } = await offline()
    await expect(db.wipe()).rejects.toMatchObject({ code: 'unsynced' })
    const lines = []
    for await (const line of db.export()) lines.push(line)
    expect(lines.join('')).toContain('not sent')
    expect((await db.wipe({ discard: true })).changes).toBe(1)
    const again = await signIn(ann)
    expect(await textsOf(again)).toEqual([])
  })
})

test('without a token the queue is kept, and goes on when the app has one and says so (law 7)', async () => {
  const { person, signIn, seen } = program()
  const ann = person('Ann')
  const asked: boolean[] = []
  ann.issued.token = 'expired'
  const db = await signIn(ann, () => {
    asked.push(true)
    return ann.issued.token
  })
  await db.data.notes.add({ text: 'kept' }, 'a')
  const status = await db.remotes.drive.synced()
  expect([status.phase, status.pending, status.reason?.code]).toEqual(['needs-auth', 1, 'needs-auth'])
  expect(seen.filter(({ path }) => path.endsWith('/apply'))).toEqual([])
  ann.issued.token = ann.token
  await db.remotes.drive.resume()
  await new Promise<void>(resolve => {
    const stop = db.remotes.drive.status.subscribe(({ phase }) => {
      if (phase !== 'synced') return
      stop()
      resolve()
    })
  })
  expect(await db.unsynced()).toMatchObject({ changes: 0 })
})
