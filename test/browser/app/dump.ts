/** Everything that this origin keeps, as text, read without the library. */

/** One database, or all of them, with bytes read as text. */
export async function dumpStores(name?: string): Promise<string> {
  const all = await indexedDB.databases()
  const found = []
  for (const one of all) if (name === undefined || one.name === name) found.push(await dumpStore(one.name!))
  return found.join('\n')
}

/** Storage, caches and cookies too. */
export async function dumpEverything(): Promise<string> {
  const cached = []
  for (const name of await caches.keys()) {
    const cache = await caches.open(name)
    for (const request of await cache.keys())
      cached.push(`${request.url} ${await (await cache.match(request))?.text()}`)
  }
  const kept = [{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, cached]
  return `${await dumpStores()}\n${JSON.stringify(kept)}`
}

async function dumpStore(name: string): Promise<string> {
  const idb = await done(indexedDB.open(name))
  try {
    const lines = [name]
    for (const store of idb.objectStoreNames) {
      const table = idb.transaction(store).objectStore(store)
      const [keys, values] = await Promise.all([done(table.getAllKeys()), done(table.getAll())])
      lines.push(...keys.map((key, at) => `${store} ${text(key)} ${text(values[at])}`))
    }
    return lines.join('\n')
  } finally {
    idb.close()
  }
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => {
    if (one instanceof Uint8Array) return new TextDecoder('latin1').decode(one)
    return typeof one === 'bigint' ? String(one) : one
  })
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
