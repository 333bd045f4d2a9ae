import 'fake-indexeddb/auto'
import { IDBFactory as FakeFactory, forceCloseDatabase } from 'fake-indexeddb'
import { expect, test } from 'vitest'
import type { Shape, Store, Touched, Writer } from '../../src/store.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { memory } from '../../src/stores/memory.ts'
import { allNotes, allRows, both, codeOf, notes, openAt, type Place, put, record, shape } from './store/place.ts'
import { sleepInTurns, storePlatform } from './store/platform.ts'

/** What goes wrong with a browser's database, played with the inner parts of the fake one. */
interface FakeTransaction extends IDBTransaction {
  _abort(name: string | null): void
  _requests: unknown[]
}

interface FaultyPlace extends Place {
  readonly factory: IDBFactory
  /** Called with each transaction that a store begins; what it throws, `transaction()` throws. */
  onBegin: (transaction: () => IDBTransaction, idb: IDBDatabase) => IDBTransaction
  readonly options: { durability?: string }[]
  readonly connections: IDBDatabase[]
}

function faultyPlace(): FaultyPlace {
  const factory = new FakeFactory()
  const place: FaultyPlace = {
    factory,
    onBegin: begin => begin(),
    options: [],
    connections: [],
    platform: storePlatform(new Map(), sleepInTurns),
    driver: () => indexeddb('test', { factory: watched }),
  }
  const watched = new Proxy(factory, {
    get: (target, name) => {
      if (name !== 'open') return Reflect.get(target, name)
      return (...given: [string, number]) => {
        const request = target.open(...given)
        request.addEventListener('success', () => faulty(request.result, place))
        return request
      }
    },
  })
  return place
}

function faulty(idb: IDBDatabase, place: FaultyPlace): void {
  place.connections.push(idb)
  const begin = idb.transaction.bind(idb)
  idb.transaction = (stores, mode, options) => {
    if (mode !== 'readwrite') return begin(stores, mode, options)
    place.options.push(options as { durability?: string })
    return place.onBegin(() => begin(stores, mode, options), idb)
  }
}

/** Aborts at the moment of the commit, after all requests have succeeded. */
function abortAtCommit(name: string | null): FaultyPlace['onBegin'] {
  return begin => {
    const transaction = begin() as FakeTransaction
    transaction.commit = () => transaction._abort(name)
    return transaction
  }
}

const second: Shape = { ...shape, version: 2 }

async function withOneRecord(): Promise<{ place: FaultyPlace; store: Store }> {
  const place = faultyPlace()
  const store = await openAt(place)
  await put(store, record('a', { rank: 1 }))
  return { place, store }
}

const moreRecords = (store: Store) =>
  store.write(both, async tx => {
    await tx.records('notes').putMany([record('a', { rank: 2 }), record('b', {})])
    await tx.rows('queue').append([], {})
  })

const untouched = async (store: Store) =>
  expect([await allNotes(store), await allRows(store)]).toEqual([[record('a', { rank: 1 })], []])

test('durability is strict unless said otherwise', async () => {
  const { place, store } = await withOneRecord()
  await store.write(notes, async () => {}, { durability: 'relaxed' })
  await store.write(notes, async () => {}, { durability: 'strict' })
  expect(place.options.map(({ durability }) => durability)).toEqual(['strict', 'relaxed', 'strict'])
})

test.each([
  ['QuotaExceededError', 'storage-full'],
  [null, 'storage-unavailable'],
  ['AbortError', 'storage-unavailable'],
])('an abort at the commit with %s is %s, and nothing is stored (F6, F7)', async (name, code) => {
  const { place, store } = await withOneRecord()
  const heard: Touched[] = []
  store.watch(touched => void heard.push(...touched))
  place.onBegin = abortAtCommit(name)
  expect(await codeOf(moreRecords(store))).toBe(code)
  await untouched(store)
  expect(heard).toEqual([])
  place.onBegin = begin => begin()
  await put(store, record('b', {}))
  expect(await allNotes(store)).toHaveLength(2)
})

test('a request that fails for want of room is storage-full, and nothing is stored (F5)', async () => {
  const { place, store } = await withOneRecord()
  place.onBegin = begin => {
    const transaction = begin() as FakeTransaction
    const objectStore = transaction.objectStore('records/notes')
    const put = objectStore.put.bind(objectStore)
    objectStore.put = value => {
      const request = put(value)
      const queued = transaction._requests.at(-1) as { operation: () => void }
      queued.operation = () => {
        throw new DOMException('no room', 'QuotaExceededError')
      }
      return request
    }
    return transaction
  }
  expect(await codeOf(moreRecords(store))).toBe('storage-full')
  await untouched(store)
})

test('acknowledged means complete: not before (F1)', async () => {
  const { place, store } = await withOneRecord()
  const events: string[] = []
  place.onBegin = begin => {
    const transaction = begin()
    transaction.addEventListener('complete', () => events.push('complete'))
    return transaction
  }
  await moreRecords(store).then(() => events.push('acknowledged'))
  expect(events).toEqual(['complete', 'acknowledged'])
})

test('a lost connection is replaced, and the whole work runs again (F8, F11)', async () => {
  for (const name of ['UnknownError', 'InvalidStateError']) {
    const { place, store } = await withOneRecord()
    let failures = 3
    place.onBegin = begin => {
      if (failures-- > 0) throw new DOMException('Connection to Indexed Database server lost', name)
      return begin()
    }
    await moreRecords(store)
    expect(await allNotes(store)).toEqual([record('a', { rank: 2 }), record('b', {})])
    expect(await allRows(store)).toHaveLength(1)
    expect(place.connections).toHaveLength(4)
  }
})

test('a connection lost in mid-work runs the work again from its beginning (F8)', async () => {
  const { place, store } = await withOneRecord()
  let failures = 1
  place.onBegin = begin => {
    const transaction = begin() as FakeTransaction
    if (failures-- > 0) setImmediate(() => transaction._abort('UnknownError'))
    return transaction
  }
  let runs = 0
  await store.write(notes, async tx => {
    runs++
    const [{ value } = { value: null }] = await tx.records('notes').list()
    for (let n = 0; n < 20; n++) await tx.records('notes').get('a')
    await tx.records('notes').putMany([record('a', { rank: (value!.rank as number) + 1 })])
  })
  expect(runs).toBe(2)
  expect(await allNotes(store)).toEqual([record('a', { rank: 2 })])
})

test('a connection that stays lost is storage-unavailable after five tries (F8)', async () => {
  const { place, store } = await withOneRecord()
  let tries = 0
  place.onBegin = () => {
    tries++
    throw new DOMException('lost', 'UnknownError')
  }
  expect(await codeOf(moreRecords(store))).toBe('storage-unavailable')
  expect(tries).toBe(6)
  place.onBegin = begin => begin()
  await untouched(store)
})

test('a connection that the browser closes is opened again when it is needed (F10)', async () => {
  const { place, store } = await withOneRecord()
  forceCloseDatabase(place.connections.at(-1)! as never)
  await sleepInTurns(1_000)
  await untouched(store)
  // A forced close aborts what is open, and then fires `close`; the fake one would wait for it instead.
  const begun: { idb: IDBDatabase; transaction: FakeTransaction }[] = []
  place.onBegin = (begin, idb) => {
    const transaction = begin() as FakeTransaction
    begun.push({ idb, transaction })
    return transaction
  }
  await store.write(notes, async tx => {
    await tx.records('notes').putMany([record('a', { rank: 2 })])
    const reading = tx.records('notes').get('a')
    if (begun.length === 1) {
      begun[0]!.transaction._abort('AbortError')
      forceCloseDatabase(begun[0]!.idb as never)
    }
    await reading
    await tx.records('notes').putMany([record('b', {})])
  })
  expect(begun).toHaveLength(2)
  expect(await allNotes(store)).toEqual([record('a', { rank: 2 }), record('b', {})])
})

test('an open that gets no answer is tried once more, and then fails (F12)', async () => {
  const place = faultyPlace()
  let silent = 1
  let asked = 0
  const factory = {
    open: (name: string, version: number) => {
      asked++
      return silent-- > 0
        ? (new FakeFactory() as { open(name: string): IDBOpenDBRequest }).open('other')
        : place.factory.open(name, version)
    },
  } as IDBFactory
  // An answer that never comes: a request whose listeners are never called.
  const mute = new Proxy(factory, {
    get: (target, name) =>
      name !== 'open'
        ? Reflect.get(target, name)
        : (...given: [string, number]) => {
            const request = target.open(...given)
            if (silent >= 0) request.addEventListener = () => {}
            return request
          },
  })
  const driver = () => indexeddb('test', { factory: mute })
  const store = await driver().open(shape, place.platform)
  expect(asked).toBe(2)
  await store.close()
  silent = 9
  asked = 0
  const failing = driver().open(shape, place.platform)
  await expect(failing).rejects.toMatchObject({ code: 'storage-unavailable', details: { reason: 'silent' } })
  expect(asked).toBe(2)
})

test('an upgrade waits for a tab that does not let go, and says why when it never does (F13)', async () => {
  const place = faultyPlace()
  const stubborn = await new Promise<IDBDatabase>(resolve => {
    const request = place.factory.open('test', 1_000_001)
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore('rows/meta'))
    request.addEventListener('success', () => resolve(request.result))
  })
  const failing = openAt(place, second)
  await expect(failing).rejects.toMatchObject({ code: 'storage-unavailable', details: { reason: 'blocked' } })
  const waiting = openAt(place, second)
  void sleepInTurns(12_000).then(() => stubborn.close())
  expect(await allNotes(await waiting)).toEqual([])
})

test('an upgrade elsewhere lets open work finish, then closes, and the store is newer (F14, F15)', async () => {
  const { place, store } = await withOneRecord()
  let upgraded: Promise<Store> | undefined
  await store.write(both, async tx => {
    upgraded = place.driver().open(second, place.platform)
    for (let n = 0; n < 50; n++) await tx.records('notes').get('a')
    await tx.records('notes').putMany([record('a', { rank: 2 })])
  })
  const newer = await upgraded!
  expect(await allNotes(newer)).toEqual([record('a', { rank: 2 })])
  expect(await codeOf(moreRecords(store))).toBe('storage-newer')
  expect(await allNotes(newer)).toEqual([record('a', { rank: 2 })])
  await newer.close()
})

test('a database that is deleted elsewhere is a new one afterwards (F17)', async () => {
  const { place, store } = await withOneRecord()
  await new Promise(resolve => place.factory.deleteDatabase('test').addEventListener('success', resolve))
  expect(await allNotes(store)).toEqual([])
  await put(store, record('b', {}))
  expect(await allNotes(store)).toEqual([record('b', {})])
})

test('work that awaits anything foreign is a bug and leaves no trace (F4)', async () => {
  const { store } = await withOneRecord()
  const pause = () => sleepInTurns(2_000)
  const works: ((tx: Writer) => Promise<unknown>)[] = [
    async tx => {
      await tx.records('notes').putMany([record('b', {})])
      await pause()
      await tx.records('notes').putMany([record('c', {})])
    },
    async tx => {
      await tx.records('notes').putMany([record('b', {})])
      await pause()
    },
    async tx => {
      await pause()
      await tx.records('notes').putMany([record('b', {})])
    },
    () => new Promise(() => {}),
  ]
  for (const work of works) expect(await codeOf(store.write(notes, work))).toBe('bug')
  const reading = store.read(notes, async tx => {
    await pause()
    return tx.records('notes').list()
  })
  expect(await codeOf(reading)).toBe('bug')
  await pause()
  await untouched(store)
})

test('work may take many microtasks between two requests', async () => {
  const { store } = await withOneRecord()
  await store.write(notes, async tx => {
    for (let n = 0; n < 3; n++) {
      for (let tick = 0; tick < 1000; tick++) await undefined
      await tx.records('notes').putMany([record(`n${n}`, {})])
    }
    for (let tick = 0; tick < 1000; tick++) await undefined
  })
  expect(await allNotes(store)).toHaveLength(4)
})

test('a migration that awaits anything foreign is a bug, and the old version stays (F16)', async () => {
  const { place, store } = await withOneRecord()
  await store.close()
  const migrations = {
    2: async (tx: Writer) => {
      await tx.records('notes').putMany([record('half', {})])
      await sleepInTurns(2_000)
      await tx.records('notes').putMany([record('rest', {})])
    },
  }
  expect(await codeOf(openAt(place, { ...second, migrations }))).toBe('bug')
  await untouched(await openAt(place))
})

test('an upgrade that dies half-way leaves the old version whole, and the next one goes through (F16)', async () => {
  const { place, store } = await withOneRecord()
  await store.close()
  let dying: FakeTransaction | undefined
  const migrations = {
    2: async (tx: Writer) => {
      await tx.records('notes').putMany([record('a', { rank: 2 }), record('half', {})])
      dying?._abort('AbortError')
      await tx.records('notes').putMany([record('rest', {})])
    },
  }
  const open = place.factory.open.bind(place.factory)
  place.factory.open = (...given: [string, number]) => {
    const request = open(...given)
    request.addEventListener('upgradeneeded', () => {
      dying = request.transaction as FakeTransaction
    })
    return request
  }
  expect(await codeOf(openAt(place, { ...second, migrations }))).toBe('storage-unavailable')
  place.factory.open = open
  dying = undefined
  const old = await openAt(place)
  await untouched(old)
  await old.close()
  const upgraded = await openAt(place, { ...second, migrations })
  expect((await allNotes(upgraded)).map(({ id }) => id)).toEqual(['a', 'half', 'rest'])
})

test('an old tab hears of an upgrade: what it shows is read again (I18)', async () => {
  const { place, store } = await withOneRecord()
  const heard: Touched[] = []
  store.watch(touched => void heard.push(...touched))
  const newer = await openAt(place, second)
  await put(newer, record('b', {}))
  expect(heard[0]).toEqual({})
  expect(await allNotes(store)).toHaveLength(2)
  expect(store.newer()).toBe(true)
})

test('a database that goes while it is about to be read is not made anew by a reader (F15)', async () => {
  const { place, store } = await withOneRecord()
  await store.close()
  await (await openAt(place, second)).close()
  const open = place.factory.open.bind(place.factory)
  place.factory.open = (name: string, version?: number) => {
    if (version === undefined) place.factory.deleteDatabase(name)
    return version === undefined ? open(name) : open(name, version)
  }
  expect(await codeOf(openAt(place))).toBe('storage-unavailable')
  place.factory.open = open
  expect(await allNotes(await openAt(place))).toEqual([])
})

test('memory takes its place where that was asked for, and says that nothing is durable (F12, F21)', async () => {
  const { indexedDB } = globalThis
  Reflect.deleteProperty(globalThis, 'indexedDB')
  const platform = storePlatform()
  const store = await indexeddb('test', { otherwise: memory('instead') }).open(shape, platform)
  globalThis.indexedDB = indexedDB
  expect([store.durable, store.name?.endsWith('/instead')]).toEqual([false, true])
  await put(store, record('a', {}))
  const refusing = { open: () => fail('SecurityError') } as unknown as IDBFactory
  const other = await indexeddb('test', { factory: refusing, otherwise: memory() }).open(shape, platform)
  expect(other.durable).toBe(false)
  expect(await codeOf(indexeddb('test', { factory: refusing }).open(shape, platform))).toBe('storage-unavailable')
})

function fail(name: string): never {
  throw new DOMException('as the test wants it', name)
}

test('memory does not take the place of what another tab keeps, or of what is newer (F13)', async () => {
  const place = faultyPlace()
  const stubborn = await new Promise<IDBDatabase>(resolve => {
    const request = place.factory.open('test', 1_000_001)
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore('rows/meta'))
    request.addEventListener('success', () => resolve(request.result))
  })
  const driver = () => indexeddb('test', { factory: place.factory, otherwise: memory() })
  expect(await codeOf(driver().open(second, place.platform))).toBe('storage-unavailable')
  stubborn.close()
})

test('a process without IndexedDB is told so', async () => {
  const { indexedDB } = globalThis
  Reflect.deleteProperty(globalThis, 'indexedDB')
  expect(await codeOf(indexeddb('test').open(shape, storePlatform()))).toBe('unsupported')
  globalThis.indexedDB = indexedDB
})
