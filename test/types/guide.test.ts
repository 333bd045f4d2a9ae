/** The transport of docs/transports.md, as it stands there, against the API that it is for. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeOf } from './blocks.ts'
import { type Consumer, consumer } from './consumer.ts'

let project: Consumer
beforeAll(() => {
  project = consumer()
})
afterAll(() => project?.remove())

const program = `
import { collection, defineSchema, memory, open } from 'tidemark'
import { todoList, todos } from './guide.ts'

const url = process.argv[2] ?? ''
const device = () =>
  open({
    store: memory(),
    schema: defineSchema({ version: 1, collections: { todos: collection({ remote: 'list', conflicts: 'KEEP_BOTH', ...todos }) } }),
    remotes: { list: todoList(url) },
  })
const [one, other] = [await device(), await device()]
await (await one.data.todos.put('a', { title: 'Tea' })).settled()
other.remotes.list.sync()
for (;;) {
  if (await other.data.todos.get('a')) break
  await new Promise(resolve => setTimeout(resolve, 20))
  other.remotes.list.sync()
}
await other.remotes.list.synced()
await one.remotes.list.pause()
const mine = await one.data.todos.put('a', { title: 'Green tea' })
await (await other.data.todos.put('a', { title: 'Black tea' })).settled()
await one.remotes.list.resume()
console.log(await mine.settled())
await one.remotes.list.synced()
console.log((await one.data.todos.list()).map(({ value }) => value.title).sort().join(', '))
console.log((await one.conflicts.list()).map(({ verdict }) => verdict.take).join())
await Promise.all([one.close(), other.close()])
`

test('the transport of the guide pulls, pushes, and brings conflicts home', async () => {
  const server = todoServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    project.write('guide.ts', codeOf(join('docs', 'transports.md')))
    const { text: said, code } = await project.start(process.execPath, project.write('todos.ts', program), url)
    expect(said).toBe('conflicted\nBlack tea, Green tea\nboth\n')
    expect(code).toBe(0)
  } finally {
    server.close()
  }
})

/** The imagined API: a log of rows, and writes that compare versions. */
function todoServer() {
  const log: { seq: number; id: string; version: number; todo: unknown }[] = []
  const present = (id: string) => log.findLast(row => row.id === id)
  return createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://todo')
    const answer = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body))
    if (request.method === 'GET') {
      const rows = log.filter(({ seq }) => seq > Number(searchParams.get('after'))).slice(0, 2)
      return answer(200, { rows, more: rows.length > 0 && rows.at(-1) !== log.at(-1) })
    }
    const id = decodeURIComponent(pathname.split('/').at(-1) ?? '')
    const { base, todo } = JSON.parse(await text(request)) as { base: number | null; todo: unknown }
    const now = present(id)
    if ((now?.version ?? null) !== base) return answer(409, now)
    log.push({ seq: log.length + 1, id, version: (now?.version ?? 0) + 1, todo })
    return answer(200, log.at(-1))
  })
}
