/** The files transport for the suite, once with its tree and once with a records folder. */
import { createHash } from 'node:crypto'
import type { Change, Value } from '../../src/model.ts'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { files } from '../../src/transports/files/index.ts'
import { bodyOf, type Client, client } from './transport-io.ts'
import type { Remote, TransportCase } from './transport-suite.ts'

// Of the statuses on `/changes`, a bare 400 is about the cursor (section 0 of the API page).
const codes = { 400: 'cursor-invalid' } as const

export const cases: readonly TransportCase[] = [
  { name: 'files: tree', make: async () => tree(), codes },
  { name: 'files: records folder', make: async () => recordsFolder(), codes },
]

function world() {
  let time = 1_777_708_800_000
  let changes = 0
  const server = filesSandbox({ world: { now: () => time++, sleep: async () => {}, random: () => 0.5 } })
  const { user_id, token } = server.admin.addUser('Ada')
  const share = server.admin.addShare('Team', user_id)
  return {
    server,
    share,
    change(collection: string, id: string, value: Value | null, base: Change['base']): Change {
      const at = { time, device: 'device-1' }
      return { collection, id, change: `change-${String(++changes).padStart(6, '0')}`, value, base, at }
    },
    async client(device = 'device-1', folders: { readonly [source: string]: string } = {}): Promise<Client> {
      const transport = files({ url: 'https://drive.example', share, token: () => token, folders })
      const one = client({ transport, fetch: server.fetch, now: () => time, device: { id: device, name: 'Laptop' } })
      await transport.join!(one.io())
      return one
    },
  }
}

function tree(): Remote {
  const { server, share, change, client } = world()
  const { admin } = server
  admin.createFolder(share, '/docs')
  for (let n = 0; n < 12; n++) {
    admin.createFolder(share, `/docs/f${n}`)
    admin.createFile(share, `/docs/f${n}/a.txt`, `text ${n}`)
  }
  let made = 0

  async function upload(from: Client, one: Change, text: string): Promise<Change> {
    await from.transport.bodies!.upload(one, bodyOf(text), from.io())
    return one
  }
  const row = (name: string, text: string): Value => ({
    share,
    parent: share,
    name,
    kind: 'file',
    size: text.length,
    sha256: createHash('sha256').update(text).digest('hex'),
    mime: 'text/plain',
    modifiedAt: 1_777_000_000_000,
  })

  return {
    client: device => client(device),
    happen: () => void admin.createFile(share, `/happened-${++made}.txt`, `${made}`),
    reads: /\/sync\/changes$/,
    fault: fault => server.weather.next(fault),
    push: {
      writes: /\/sync\/apply$/,
      good(from) {
        const n = ++made
        const text = `mine ${n}`
        return upload(
          from,
          change('tree', `fil_mine${String(n).padStart(6, '0')}`, row(`mine-${n}.txt`, text), null),
          text,
        )
      },
      async clashing(from) {
        const { resource_id } = admin.createFile(share, `/clash-${++made}.txt`, 'one')
        await from.pull()
        const { value, version } = from.live('tree')[resource_id]!
        admin.edit(share, `/clash-${made}.txt`, 'two')
        return upload(
          from,
          change('tree', resource_id, { ...value, ...row(`clash-${made}.txt`, 'mine') }, { value, version }),
          'mine',
        )
      },
      effects: one => server.inspect().effects[`ver_${one.change}`] ?? 0,
    },
  }
}

function recordsFolder(): Remote {
  const { server, share, change, client } = world()
  const folders = { notes: '/notes' }
  let made = 0
  const note = (title: string): Value => ({ title, n: 9007199254740993n, bytes: new Uint8Array([1, 2, 3]) })
  const shards = () => (server.inspect().tree[share] ?? []).filter(({ path }) => /\/\d+\.json$/.test(path))

  server.admin.createFolder(share, '/notes')
  server.admin.createFile(share, '/notes/.tidemark.json', '{"format":1,"shards":4}')
  for (let n = 0; n < 4; n++) server.admin.createFile(share, `/notes/${n}.json`, '[]')
  // What another device writes, without a transport in between: ids that hash into each shard.
  const write = (id: string, v: string) => {
    const hash = createHash('sha256').update(id).digest('hex')
    const path = `/notes/${Number(BigInt(`0x${hash}`) % 4n)}.json`
    const node = shards().find(it => it.path === path)!
    const held: { id: string }[] = JSON.parse(new TextDecoder().decode(server.inspect().bytes(node.sha256!)))
    const entry = { at: { device: 'other', time: 1 }, id, v, value: { title: v } }
    const entries = [...held.filter(it => it.id !== id), entry].sort((one, two) => (one.id < two.id ? -1 : 1))
    server.admin.edit(share, path, JSON.stringify(entries))
  }
  for (let n = 0; n < 6; n++) write(`there-${n}`, `v${n}`)

  return {
    client: device => client(device, folders),
    happen: () => write(`happened-${++made}`, `w${made}`),
    reads: /\/sync\/changes$/,
    fault: fault => server.weather.next(fault),
    push: {
      writes: /\/sync\/apply$/,
      good: async () => change('notes', `mine-${++made}`, note(`mine ${made}`), null),
      async clashing(from) {
        write(`clash-${++made}`, 'one')
        await from.pull()
        const { value, version } = from.live('notes')[`clash-${made}`]!
        write(`clash-${made}`, 'two')
        return change('notes', `clash-${made}`, note('mine'), { value, version })
      },
      /** Versions of shards in which the change appears first. */
      effects(one) {
        const held = server
          .inspect()
          .versions.filter(({ content, name }) => content && /^\d+\.json$/.test(name))
          .map(({ resource_id, content }) => ({
            resource_id,
            has: new TextDecoder().decode(server.inspect().bytes(content!.sha256)).includes(`"${one.change}"`),
          }))
        let effects = 0
        for (const id of new Set(held.map(it => it.resource_id))) {
          const line = held.filter(it => it.resource_id === id).map(({ has }) => has)
          effects += line.filter((has, at) => has && !line[at - 1]).length
        }
        return effects
      },
    },
  }
}
