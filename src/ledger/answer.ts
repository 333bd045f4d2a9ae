/** The app settles an open conflict, with all that it speaks for. */
import { SyncError } from '../errors.ts'
import type { Answer, Verdict } from '../model.ts'
import type { Judgement } from '../resolver.ts'
import { collide } from './collide.ts'
import { type Draft, type Entry, realId, replaceRow } from './draft.ts'
import { begin } from './edit.ts'
import { agreedOf, type InboxEntry, type OutboxRow } from './rows.ts'
import { type Home, settle } from './settle.ts'
import { descendants, goneWith, goWith, stay } from './subtree.ts'

/** `judge` is asked once the two sides are known. Throws `conflict` where nothing is left to settle. */
export async function answer(
  draft: Draft,
  home: Home,
  asked: InboxEntry,
  { take }: Pick<Verdict, 'take'>,
  judge: (local: Pick<OutboxRow, 'value'>, remote: InboxEntry['theirs']) => Judgement,
): Promise<void> {
  const entry = await draft.get(asked.collection, await realId(draft, asked.collection, asked.record))
  const row = entry.rows.find(one => one.asks === asked.id)
  if (row === undefined)
    throw new SyncError('conflict', 'The record was changed meanwhile, so nothing is left to settle.')
  const remote = row.seen ?? asked.theirs
  const judgement = judge(row, remote)
  if (row.ticket !== undefined && (take === 'local' || take === 'remote' || take === 'both')) {
    return answerQuestion(draft, home, entry, row, take)
  }
  if (remote.id !== entry.id) {
    return collide(draft, home, entry, row, await draft.get(asked.collection, remote.id), judgement, 'app')
  }
  const below = asked.below === undefined ? undefined : await withBelow(draft, home, entry, row, remote, judgement)
  await settle(draft, home, entry, row, remote, judgement, 'app', below && { below })
}

/** As they are now: more may have been written since it was asked. */
async function withBelow(
  draft: Draft,
  home: Home,
  folder: Entry,
  row: OutboxRow,
  remote: InboxEntry['theirs'],
  { verdict }: Judgement,
): Promise<NonNullable<InboxEntry['below']>> {
  const below = await descendants(draft, home, folder.id)
  const list = below.map(({ id, value }) => ({ id, value: value ?? null }))
  if (remote.value === null && row.value !== null) {
    const gone = goneWith(home, folder, below)
    if (verdict.take === 'remote') goWith(draft, home, below, gone, remote)
    else await stay(draft, home, below, gone, remote, row.at, { clean: 'goes' })
  } else if (row.value === null && verdict.take === 'local') {
    for (const one of below) {
      const agreed = one.value === undefined ? undefined : agreedOf({ id: one.id, value: one.value, meta: one.meta })
      if (one.rows.length > 0 || agreed === undefined) continue
      await begin(draft, home.remote, one, { value: null, base: agreed, at: row.at })
    }
  }
  return list
}

/** The remote keeps a question: the user's answer goes there like a change, and what comes of it comes back. */
export async function answerQuestion(
  draft: Draft,
  home: Home,
  entry: Entry,
  row: OutboxRow,
  take: Answer,
): Promise<void> {
  replaceRow(entry, row, { ...row, state: 'waiting', answer: take })
  const asked = row.asks === undefined ? undefined : await draft.inbox(row.asks)
  if (asked === undefined) return
  const loses: InboxEntry['loses'] = take === 'both' ? 'nothing' : take === 'local' ? 'remote' : 'local'
  draft.note({ ...asked, verdict: { take }, loses, by: 'app', state: 'settled', until: draft.now + home.keep })
}
