/** What a page must never do with what it was trusted with, and what it must survive from those it cannot trust. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { profile } from './harness/chromium.ts'
import { patiently } from './harness/patiently.ts'
import { site } from './harness/site.ts'
import { engines, stage } from './harness/stage.ts'
import type { Tab } from './harness/tab.ts'

const synced = (tab: Tab) => tab.run(app => app.synced())

describe.each(engines)('with the engine %s', engine => {
  const on = stage(engine)

  test('the page runs under a strict policy without a violation: no eval, no inline script, no blob (S23)', async () => {
    const ada = on.account('Ada')
    const [one, other] = [await on.tab(ada), await on.tab(ada)]
    await one.run((app, share) => app.write(crypto.randomUUID(), 'tides.md', share, '# Tides'), ada.share)
    for (const tab of [one, other]) expect(await synced(tab)).toBe('synced')
    for (const tab of [one, other]) {
      expect(await tab.run(app => app.violations)).toEqual([])
      expect(tab.console).toEqual([])
    }
    // The policy is there, and the page hears of what breaks it.
    await one.run(() => fetch('http://127.0.0.1:1/').catch(() => {}))
    await one.until('the violation', app => app.violations.length > 0)
    expect(await one.run(app => app.violations.splice(0))).toEqual(['connect-src: http://127.0.0.1:1/'])
    one.console.length = 0
  })

  test('a token is in memory and on its way to its remote, and nowhere else (S1, S2, S3, I23)', async () => {
    const ada = on.account('Ada')
    const { sandbox } = on.drive
    const canary = 'canary+5f1d7c/9b==~token'
    sandbox.admin.addToken(sandbox.inspect().tokens.find(({ token }) => token === ada.token)!.user_id, canary)
    const setup = { ...ada, token: canary }
    const [one, other] = [await on.emptyTab(), await on.emptyTab()]
    for (const tab of [one, other]) await tab.run(app => app.overhear())
    for (const tab of [one, other]) await tab.run((app, setup) => app.open(setup), setup)
    await one.run((app, share) => app.write(crypto.randomUUID(), 'tides.md', share, '# Tides'), ada.share)
    await other.run(app => app.db.data.notes.add({ title: 'Tea' }))
    for (const tab of [one, other]) expect(await synced(tab)).toBe('synced')

    // Every way to fail that a server has, and a sign-in that is over.
    for (const fault of [{ before: 'refuse' }, { before: 403 }, { before: 503 }, { after: 'lose-answer' }] as const) {
      sandbox.weather.next({ ...fault, method: 'POST', path: /apply/ })
      await one.run(app => app.db.data.notes.add({ title: 'Again' }))
      await patiently('the fault', () => sandbox.weather.pending() === 0)
    }
    sandbox.admin.revokeToken(canary)
    sandbox.admin.severSockets(4401)
    await one.run(app => app.db.remotes.drive.sync())
    await other.run(app => app.db.remotes.drive.sync())
    await one.until('the end of the sign-in', async app => (await app.status()).phase === 'needs-auth')

    const forms = [canary, btoa(canary), encodeURIComponent(canary), JSON.stringify(canary).slice(1, -1)]
    for (const tab of [one, other]) {
      const kept = await tab.run(async app => ({
        everything: await app.dumpEverything(),
        heard: app.overheard,
        status: JSON.stringify(await app.status()),
        outbox: JSON.stringify(await app.db.outbox.list()),
      }))
      // What the browser itself says about a socket that broke is for whoever sits before it, and stays there.
      const said = tab.console.filter(line => !line.startsWith('network:'))
      for (const [place, text] of Object.entries({ ...kept, said: said.join('\n'), heard: kept.heard.join('\n') })) {
        for (const form of forms) expect(text.includes(form), `${form} in ${place}`).toBe(false)
      }
      expect(kept.everything).toContain('Tea')
    }
    expect((await one.run(app => app.overheard)).length).toBeGreaterThan(0)
  })
})

const on = stage()

test('no credentials follow a redirect to another origin, and the status says that something is wrong (S4, F60)', async () => {
  const stolen: string[] = []
  const thief = await listening((request, response) => {
    if (request.method !== 'OPTIONS') stolen.push(`${request.url} ${request.headers.authorization}`)
    response.writeHead(200, { ...anybody, 'content-type': 'application/json' }).end('{}')
  })
  const asked: string[] = []
  const redirecting = await listening((request, response) => {
    if (request.method === 'OPTIONS') return void response.writeHead(204, anybody).end()
    asked.push(String(request.headers.authorization))
    response.writeHead(307, { ...anybody, location: `${thief}${request.url}` }).end()
  })
  // Without a policy: the browser alone must not be what stops it.
  const open = await site()
  const home = profile()
  const chromium = await home.start()
  onTestFinished(async () => {
    await chromium.close()
    await open.close()
    home.remove()
  })
  const tab = await chromium.tab(open.url)
  const setup = { store: 'notes', url: redirecting, share: 'shr_1', token: 'secret-token', engine: 'inline' } as const
  await tab.run((app, setup) => app.open(setup), setup)
  await tab.run(app => app.db.data.notes.add({ title: 'Kept' }))
  await tab.until('a try', async app => (await app.status()).reason !== undefined)
  expect(asked).toContain('Bearer secret-token')
  expect(stolen).toEqual([])
  const status = await tab.run(app => app.status())
  expect(status.phase).not.toBe('synced')
  expect(status).toMatchObject({ pending: 1 })
  expect(await tab.run(app => app.titles())).toEqual(['Kept'])
})

test('rows that name prototypes are rows, and no object elsewhere has what they say (S12, S30)', async () => {
  const ada = on.account('Ada')
  const [tab, elsewhere] = [await on.tab(ada), await on.emptyTab('elsewhere')]
  // Whoever writes to the prototype of all objects is found out here.
  await elsewhere.run(() => void Object.freeze(Object.prototype))
  await elsewhere.run((app, setup) => app.open(setup), ada)
  await tab.run(app => app.db.data.notes.add({ title: 'First' }, 'first'))
  expect(await synced(tab)).toBe('synced')
  const nasty = '{"polluted":"yes","prototype":{"polluted":"yes"},"toString":"yes"}'
  for (const id of ['__proto__', 'constructor', 'first']) {
    on.drive.plant(ada.share, id, `{"__proto__":${nasty},"constructor":${nasty},"title":"From ${id}"}`)
  }
  for (const one of [tab, elsewhere]) {
    await one.until('the rows', async app => (await app.titles()).length === 3)
    const found = await one.run(async app => {
      const { value } = (await app.db.data.notes.list()).find(({ id }) => id === '__proto__')!
      return {
        own: Object.keys(value).sort(),
        plain: Object.getPrototypeOf(value) === Object.prototype,
        polluted: ['polluted' in {}, 'polluted' in [], 'polluted' in Object, 'polluted' in app],
        text: String({}),
      }
    })
    expect(found).toEqual({
      own: ['__proto__', 'constructor', 'title'],
      plain: true,
      polluted: [false, false, false, false],
      text: '[object Object]',
    })
  }
  // They are written, merged and sent like any other.
  await tab.run(app => app.db.data.notes.patch('__proto__', { title: 'Renamed' }))
  expect(await synced(tab)).toBe('synced')
  expect(on.drive.notes(ada.share).get('__proto__')?.title).toBe('Renamed')
  expect(await tab.run(() => 'polluted' in {})).toBe(false)
})

test('an answer that inflates without end is cut off, and neither the page nor what it holds suffers (S16, I24)', async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 2 ** 20, 32))
  const url = await listening((request, response) => {
    if (request.method === 'OPTIONS') return void response.writeHead(204, anybody).end()
    const head = { ...anybody, 'content-type': 'application/json', 'content-encoding': 'gzip' }
    response.writeHead(200, head).end(request.url?.includes('/changes') ? bomb : gzipSync('{"devices":[],"shares":[]}'))
  })
  const open = await site()
  const home = profile()
  const chromium = await home.start()
  onTestFinished(async () => {
    await chromium.close()
    await open.close()
    home.remove()
  })
  const tab = await chromium.tab(open.url)
  await tab.run((app, url) => app.open({ store: 'notes', url, share: 'shr_1', token: 't', engine: 'inline' }), url)
  await tab.run(app => app.db.data.notes.add({ title: 'Kept' }))
  await tab.until('the refusal', async app => (await app.status()).reason?.code === 'protocol')
  expect(await tab.run(app => app.titles())).toEqual(['Kept'])
})

test('what another script of the origin says on our channels is a hint at most (S21)', async () => {
  const ada = on.account('Ada')
  const [one, other] = [await on.tab(ada), await on.emptyTab()]
  await one.run(app => app.follow())
  await other.run((_, store) => {
    const said = [
      null,
      7,
      'x',
      {},
      [null],
      [{ ids: 7 }],
      [{ space: '__proto__' }],
      { commit: 'x' },
      [{ collection: {} }],
    ]
    for (const name of [`tidemark/store/${store}`, `tidemark:${store}`]) {
      const channel = new BroadcastChannel(name)
      for (const message of said) channel.postMessage(message)
    }
  }, ada.store)
  await one.run(app => app.db.data.notes.add({ title: 'Tea' }))
  await one.until('the live answer', app => app.followed.at(-1)?.includes('Tea'))
  expect(await synced(one)).toBe('synced')
  expect(one.console).toEqual([])
})

/** A server that any page may ask anything. */
const anybody = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, content-type, x-checksum-sha256',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE',
}

async function listening(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(answer as never).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
