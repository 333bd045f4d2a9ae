/**
 * Who loses access to a space sees its instances no more, without a word. So before a walk lets go of what it did not
 * bring, a few of each space that it brought nothing of are asked for by name.
 */
import type { Io } from '../../transport.ts'
import type { Api } from './api.ts'
import { readInstanceId } from './ids.ts'
import type { Config } from './options.ts'
import type { Identity } from './wire.ts'

const SAMPLE = 20

/** Spaces of which nothing can be seen any more, although we know instances of theirs. `seen`: on the last page. */
export async function missingSpaces(api: Api, config: Config, seen: ReadonlySet<string>, io: Io): Promise<string[]> {
  const shown = new Set(seen)
  const rows = await io.peek(peek => peek.rows(['shown']))
  for (const { key } of rows) shown.add(String(key[1]))

  const samples = new Map<string, Identity[]>()
  for (const { name, kind } of config.sets) {
    if (!config.whole.includes(name)) continue
    for (let after: string | undefined; ; ) {
      const behind = after
      const ids = await io.peek(peek => peek.unseen(name, SAMPLE, behind))
      const [first] = ids.flatMap(id => readInstanceId(id) ?? [])
      if (first === undefined) break
      const own = ids.flatMap(id => readInstanceId(id) ?? []).filter(({ space }) => space === first.space)
      if (!shown.has(first.space)) {
        const before = samples.get(first.space) ?? []
        samples.set(first.space, [...before, ...own.map(one => ({ instanceType: kind, ...one }))])
      }
      after = `${first.space}:\uffff`
    }
  }
  const lost: string[] = []
  for (const [space, sample] of samples) if ((await api.find(sample, [], io)).length === 0) lost.push(space)
  return lost
}
