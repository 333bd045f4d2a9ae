/**
 * What an app can count on, wherever the engine runs. Each behaviour is a function that throws when it does not hold:
 * no test framework, so that a page can run it as well.
 */
import type { AppDb, Note } from './app.ts'
import { codeOf, type Scene, same, until } from './scene.ts'

type Behaviour = (scene: Scene) => Promise<void>

export const behaviours: { readonly [title: string]: Behaviour } = {
  async 'a write is here at once, is heard, and is there after a restart'({ device }) {
    const db = await device('laptop')
    const heard: number[] = []
    const stop = db.data.drafts.live().subscribe(rows => heard.push(rows.length))
    const id = await db.data.drafts.add({ title: 'Tea' })
    same(await db.data.drafts.get(id), { title: 'Tea' })
    await until('the write to be heard', () => heard.at(-1) === 1)
    stop()
    await db.close()
    same(await (await device('laptop')).data.drafts.get(id), { title: 'Tea' })
  },

  async 'a write is settled when the remote has it, and the status says so'({ device, remote }) {
    const db = await device('laptop')
    const write = await db.data.notes.put('n1', { title: 'Tea' })
    same(await write.settled(), 'accepted')
    same(await remote('notes'), { n1: { title: 'Tea' } })
    const { phase, pending, leads, durable } = await db.remotes.drive.synced()
    same({ phase, pending, leads, durable }, { phase: 'synced', pending: 0, leads: true, durable: true })
    same((await db.explain('notes', 'n1')).state, 'synced')
    await db.close()
    same(await (await device('laptop')).write.settled(write.id), 'accepted')
  },

  async 'several writes in one commit go together'({ device, remote }) {
    const db = await device('laptop')
    const write = await db.write(async tx => {
      await tx.notes.put('n1', { title: 'Tea' })
      await tx.kept.put('k1', { title: 'Milk' })
      await tx.drafts.put('d1', { title: 'Mine' })
    })
    same(await write.settled(), 'accepted')
    same([await remote('notes'), await remote('kept')], [{ n1: { title: 'Tea' } }, { k1: { title: 'Milk' } }])
  },

  async 'two devices see what each other wrote and deleted'({ device }) {
    const [one, other] = [await device('laptop'), await device('phone')]
    await (await one.data.notes.put('n1', { title: 'Tea' })).settled()
    await until('the note to come', () => other.data.notes.get('n1'))
    await (await other.data.notes.patch('n1', { text: 'Green' })).settled()
    await until('the edit to come', async () => (await one.data.notes.get('n1'))?.text === 'Green')
    await (await one.data.notes.delete('n1')).settled()
    await until('the deletion to come', async () => (await other.data.notes.get('n1')) === undefined)
  },

  async 'what `synced` says after `sync` was looked up after it'({ device }) {
    const [one, other] = [await device('laptop'), await device('phone')]
    for (const n of [1, 2, 3]) {
      await (await one.data.notes.put('n1', { title: `${n}` })).settled()
      other.remotes.drive.sync()
      same((await other.remotes.drive.synced()).phase, 'synced')
      same(await other.data.notes.get('n1'), { title: `${n}` })
    }
  },

  async 'a conflict is settled by its rule, recorded, and can be undone'(scene) {
    const { one, other } = await clash(scene, 'notes', { title: 'Mine' }, { title: 'Theirs' })
    // Whoever wrote last is right, and that was the other one.
    same(await one.data.notes.get('c'), { title: 'Theirs' })
    const [entry] = await one.conflicts.list()
    same([entry?.verdict.take, entry?.local.value, entry?.state], ['remote', { title: 'Mine' }, 'settled'])
    await one.conflicts.undo(entry!.id)
    await until('the undone to come', async () => (await other.data.notes.get('c'))?.title === 'Mine')
  },

  async 'KEEP_BOTH keeps both, here and there'(scene) {
    const { one, other, remote } = await clash(scene, 'kept', { title: 'Mine' }, { title: 'Theirs' })
    const titles = async (db: AppDb) => (await db.data.kept.list()).map(({ value }) => value.title).sort()
    await until('both to come', async () => (await titles(other)).length === 2)
    same({ one: await titles(one), other: await titles(other) }, { one: ['Mine', 'Theirs'], other: ['Mine', 'Theirs'] })
    same(Object.values(await remote('kept')).length, 2)
  },

  async 'MANUAL asks, and the answer goes everywhere'(scene) {
    const { one, other, remote, write } = await clash(scene, 'asked', { title: 'Mine' }, { title: 'Theirs' })
    const { phase, asked } = await one.remotes.drive.synced()
    same([phase, asked, await write.settled()], ['needs-user', 1, 'conflicted'])
    const [entry] = await one.conflicts.list({ state: 'open' })
    await one.conflicts.resolve(entry!.id, { take: 'merged', value: { title: 'Ours' } })
    await until('the answer to come', async () => (await other.data.asked.get('c'))?.title === 'Ours')
    same(await remote('asked'), { c: { title: 'Ours' } })
    same((await one.remotes.drive.synced()).phase, 'synced')
  },

  async 'a strategy of the app judges where the engine runs'(scene) {
    const { one, other } = await clash(
      scene,
      'merged',
      { title: 'Mine', text: 'the longer text' },
      { title: 'Theirs', text: 'short' },
    )
    const both = { title: 'Theirs', text: 'the longer text' }
    same(await one.data.merged.get('c'), both)
    await until('the merged to come', async () => (await other.data.merged.get('c'))?.text === both.text)
  },

  async 'a pause holds everything back, over a restart too'({ device, remote }) {
    const before = await device('laptop')
    await before.remotes.drive.synced()
    await before.remotes.drive.pause()
    await before.data.notes.put('n1', { title: 'Tea' })
    same((await before.remotes.drive.status.get()).phase, 'paused')
    await before.close()
    const db = await device('laptop')
    db.remotes.drive.sync()
    await until('the engine to lead', async () => (await db.remotes.drive.status.get()).leads)
    same([(await db.remotes.drive.status.get()).phase, await remote('notes')], ['paused', {}])
    await db.remotes.drive.resume()
    same((await db.remotes.drive.synced()).phase, 'synced')
    same(await remote('notes'), { n1: { title: 'Tea' } })
  },

  async 'without a token the queue is kept, and goes out when there is one'({ device, remote, signedIn }) {
    const db = await device('laptop')
    await db.remotes.drive.synced()
    signedIn(false)
    await db.data.notes.put('n1', { title: 'Tea' })
    await until('needs-auth', async () => (await db.remotes.drive.status.get()).phase === 'needs-auth')
    same([(await db.outbox.list()).length, await remote('notes')], [1, {}])
    signedIn(true)
    await db.remotes.drive.resume()
    await until('the note to be there', async () => Object.keys(await remote('notes')).length === 1)
    await until('synced', async () => (await db.remotes.drive.status.get()).phase === 'synced')
  },

  async 'bytes go from one device to another'({ device, share }) {
    const [one, other] = [await device('laptop'), await device('phone')]
    const bytes = new TextEncoder().encode('# Tides')
    const write = await one.data.entries.write('f1', bytes, {
      share,
      parent: share,
      name: 'tides.md',
      kind: 'file',
    })
    same(await write.settled(), 'accepted')
    const found = async () => (await other.data.entries.where('name').equals('tides.md').first())?.id
    await until('the file to come', found)
    same([...((await other.data.entries.read((await found())!)) ?? [])], [...bytes])
  },

  async 'what a remote can do beside syncing is asked through the engine'({ device }) {
    const db = await device('laptop')
    await db.remotes.drive.synced()
    const devices = await db.remotes.drive.api.devices()
    same(devices.length, 1)
    const unknown = (db.remotes.drive.api as unknown as { other(): Promise<unknown> }).other()
    same(await codeOf(unknown), 'unsupported')
  },

  async 'a closed database writes nothing, and another one opens'({ device, remote }) {
    const db = await device('laptop')
    await db.data.notes.put('n1', { title: 'Tea' })
    await Promise.all([db.close(), db.close()])
    same(await codeOf(db.data.notes.put('n2', { title: 'Milk' })), 'closed')
    const again = await device('laptop')
    same((await again.remotes.drive.synced()).phase, 'synced')
    same(await remote('notes'), { n1: { title: 'Tea' } })
  },
}

/** The same record changed on two devices, of which the first one meets the conflict. */
async function clash({ device, remote }: Scene, name: 'notes' | 'kept' | 'asked' | 'merged', mine: Note, theirs: Note) {
  const [one, other] = [await device('laptop'), await device('phone')]
  await (await one.data[name].put('c', { title: 'Before', text: '' })).settled()
  await until('the record to come', () => other.data[name].get('c'))
  await one.remotes.drive.synced()
  await one.remotes.drive.pause()
  const write = await one.data[name].put('c', mine)
  await (await other.data[name].put('c', theirs)).settled()
  await one.remotes.drive.resume()
  await until('the conflict', async () => (await one.conflicts.list()).length === 1)
  await one.remotes.drive.synced()
  return { one, other, remote, write }
}
