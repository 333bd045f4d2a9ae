/** I5: what the rules made of conflicts, against what they say. */
import type { InboxItem } from './app.ts'
import { type Dump, plainly } from './evidence.ts'
import type { Failure } from './graph.ts'

/** I5: each rule settles as it says, in every entry that no person settled. */
export function wrongVerdicts(dumps: readonly Dump[]): Failure[] {
  return dumps.flatMap(({ device, inbox }) =>
    inbox
      .filter(item => item.by === 'strategy' && item.state !== 'undone' && !lawful(item))
      .map(item => ({ invariant: 'I5', message: `${device.name}: a wrong verdict: ${plainly(item)}` })),
  )
}

function lawful({ rule, verdict, base, local, theirs, collection }: InboxItem): boolean {
  const take = verdict?.take
  if (take === undefined || local?.at === undefined || take === 'ask') return true
  // One side is as it was before both: no rule is asked then.
  if (base?.value == null && (local.value === null || theirs?.value === null)) return true
  // A tree settles its own clashes of names and folders, whatever the rule is.
  if (rule === 'SERVER_WINS') return take === 'remote' || collection === 'tree'
  if (rule === 'CLIENT_WINS') return take === 'local' || collection === 'tree'
  if (rule === 'MANUAL') return false
  if (rule !== 'LAST_WRITER_WINS' || collection === 'tree' || theirs?.at === undefined) return true
  const later =
    typeof theirs.at === 'number'
      ? local.at.time - theirs.at || -1
      : local.at.time - theirs.at.time || (local.at.device > theirs.at.device ? 1 : -1)
  return (
    take === (later > 0 ? 'local' : 'remote') || (typeof theirs.at === 'object' && local.at.device === theirs.at.device)
  )
}
