/** The named calls of a remote, through an open database, against the sandbox of the API. */
import { afterEach, describe, expect, test } from 'vitest'
import { open } from '../../../src/client/open.ts'
import { SyncError } from '../../../src/errors.ts'
import { type Platform, platform } from '../../../src/platform.ts'
import { filesSandbox } from '../../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../../src/sandbox/real-world.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import type { Api, Transport } from '../../../src/transport.ts'
import { files, tree } from '../../../src/transports/files/index.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

function server() {
  const sandbox = filesSandbox({ world: realWorld })
  const { user_id, token } = sandbox.admin.addUser('Ada')
  const share = sandbox.admin.addShare('Team', user_id)
  const requests: string[] = []
  const world: Platform = {
    ...platform(),
    fetch(request) {
      requests.push(`${request.method} ${new URL(request.url).pathname}`)
      return sandbox.fetch(request)
    },
    socket: () => ({ send() {}, close() {} }),
  }

  async function device(name: string, disk = memoryDisk()) {
    const entries = collection({ remote: 'drive', source: 'tree', ...tree })
    const db = await open({
      store: memory('m', { disk }),
      schema: defineSchema({ version: 1, collections: { entries } }),
      remotes: { drive: files({ url: 'https://drive.test', share, token: () => token }) },
      device: { name },
      platform: world,
    })
    ends.push(() => db.close())
    return db
  }
  return { sandbox, share, requests, device }
}

describe('the devices of the account', () => {
  test('are listed, renamed, switched off and on, and removed', async () => {
    const { device } = server()
    const laptop = await device('Laptop')
    const phone = await device('Phone')
    await Promise.all([laptop.remotes.drive.synced(), phone.remotes.drive.synced()])
    const { api } = laptop.remotes.drive
    expect(await api.devices()).toMatchObject([
      {
        id: laptop.device.id,
        name: 'Laptop',
        own: true,
        active: true,
        platform: 'cli',
        lastSeenAt: expect.any(Number),
      },
      { id: phone.device.id, name: 'Phone', own: false, active: true, createdAt: expect.any(Number) },
    ])
    expect(await api.updateDevice({ id: phone.device.id, name: 'Old phone' })).toMatchObject({ name: 'Old phone' })
    expect(await api.updateDevice({ id: phone.device.id, active: false })).toMatchObject({
      name: 'Old phone',
      active: false,
    })
    expect(await api.updateDevice({ id: phone.device.id, active: true })).toMatchObject({ active: true })
    await phone.close()
    expect(await api.removeDevice({ id: phone.device.id })).toBeUndefined()
    expect((await api.devices()).map(({ name }) => name)).toEqual(['Laptop'])
    await expect(api.removeDevice({ id: phone.device.id })).rejects.toMatchObject({ code: 'not-found' })
    await expect(api.updateDevice({ id: 'nobody', name: 'x' })).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('what a device syncs', () => {
  test('is read and replaced, for one share and for several, here and for another device', async () => {
    const { share, device } = server()
    const laptop = await device('Laptop')
    const phone = await device('Phone')
    await Promise.all([laptop.remotes.drive.synced(), phone.remotes.drive.synced()])
    const { api } = laptop.remotes.drive
    expect(await api.preferences()).toEqual([])
    const chosen = { share, enabled: true, selected: ['fld_1'], excluded: ['fld_2'] }
    expect(await api.setPreference({ share, selected: ['fld_1'], excluded: ['fld_2'] })).toEqual(chosen)
    expect(await api.preferences()).toEqual([chosen])
    const off = { share, enabled: false, selected: [], excluded: [] }
    const others = { device: phone.device.id }
    expect(await api.setPreferences({ ...others, preferences: [{ share, enabled: false }] })).toEqual([off])
    expect([await api.preferences(others), await phone.remotes.drive.api.preferences()]).toEqual([[off], [off]])
    expect(await api.preferences()).toEqual([chosen])
    await expect(api.setPreference({ share: 'shr_none' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(api.preferences({ device: 'nobody' })).rejects.toMatchObject({ code: 'not-found' })
  })
})

test('the shares of the account are listed with their room', async () => {
  const { share, device } = server()
  const laptop = await device('Laptop')
  const [one, ...others] = await laptop.remotes.drive.api.shares()
  expect([one, others]).toEqual([expect.objectContaining({ id: share, name: 'Team', usedBytes: 0 }), []])
})

describe('a call', () => {
  test('is made in whichever context asks, whether it leads or not', async () => {
    const { device, requests } = server()
    const disk = memoryDisk()
    const leader = await device('Laptop', disk)
    const follower = await device('Laptop', disk)
    await leader.remotes.drive.synced()
    expect((await follower.remotes.drive.status.get()).leads).toBe(false)
    const { id } = follower.device
    requests.length = 0
    expect(await follower.remotes.drive.api.updateDevice({ id, name: 'Desk' })).toMatchObject({ name: 'Desk' })
    expect(requests).toEqual([`PATCH /api/v1/sync/devices/${id}`])
  })

  test('that fails tells its caller, is not repeated, and leaves the status alone', async () => {
    const { sandbox, device, requests } = server()
    const laptop = await device('Laptop')
    await laptop.remotes.drive.synced()
    requests.length = 0
    sandbox.weather.next({ before: { status: 503 } })
    await expect(laptop.remotes.drive.api.shares()).rejects.toMatchObject({ code: 'server' })
    expect([requests, (await laptop.remotes.drive.status.get()).phase]).toEqual([
      ['GET /api/v1/users/me/shares'],
      'synced',
    ])
  })

  async function odd<A extends Api>(api: A) {
    const transport = { name: 'odd', sources: {}, api } satisfies Transport
    const schema = defineSchema({ version: 1, collections: {} })
    const db = await open({ store: memory(), schema, remotes: { odd: transport } })
    ends.push(() => db.close())
    return db
  }

  test('takes and gives plain data only, as it would to a worker', async () => {
    const { remotes } = await odd({
      echo: async (request: { readonly n: unknown }) => request.n,
      wrong: async () => () => {},
    })
    expect(await remotes.odd.api.echo({ n: 2n })).toBe(2n)
    await expect(remotes.odd.api.echo({ n: () => {} })).rejects.toMatchObject({ code: 'invalid-value' })
    await expect(remotes.odd.api.wrong({} as never)).rejects.toMatchObject({ code: 'invalid-value' })
  })

  test('that the remote does not have says which there are, and nothing inherited is one', async () => {
    const { remotes } = await odd({ ping: async () => 'pong' })
    const calls = remotes.odd.api as unknown as { [name: string]: () => Promise<unknown> }
    for (const name of ['pong', 'constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      await expect(calls[name]!()).rejects.toThrow(`odd has no call "${name}". It has: ping.`)
    }
    expect(calls.then).toBeUndefined()
    expect(await calls.ping!()).toBe('pong')
  })

  test('of a closed database says so, and one under way ends', async () => {
    let ask = () => {}
    const asked = new Promise<void>(resolve => {
      ask = resolve
    })
    const db = await odd({
      hang: (_: undefined, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new SyncError('aborted', 'Stopped.')))
          ask()
        }),
    })
    const hanging = db.remotes.odd.api.hang()
    await asked
    const ended = expect(hanging).rejects.toMatchObject({ code: 'aborted' })
    await db.close()
    await ended
    await expect(db.remotes.odd.api.hang()).rejects.toMatchObject({ code: 'closed' })
  })
})
