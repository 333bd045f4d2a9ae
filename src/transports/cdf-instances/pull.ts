import { equal, sameData } from '../../equal.ts'
import { SyncError } from '../../errors.ts'
import type { Json, RemoteRecord } from '../../model.ts'
import type { Io, Page, Pull } from '../../transport.ts'
import { hourOf, OLDEST } from '../shared/cdf/time.ts'
import { count, flag, isObject, member, text } from '../shared/shape.ts'
import type { Api, Cursors, SyncAnswer } from './api.ts'
import { missingSpaces } from './missing.ts'
import type { Config } from './options.ts'
import { remoteRecord, settled } from './wire.ts'

/** Where we are: all cursors together, since only together they are a place (I2m). */
interface Place {
  readonly cursors: Cursors
  /** The first walk is not at its end. */
  readonly walk: boolean
  /** Empty pages so far, one after the other. */
  readonly quiet: number
  /** When this place was given out, to the hour: milliseconds since 1970 by the server's clock. */
  readonly since: number
  /** The question that it answers, as a hash. */
  readonly asked: string
}

/** Pages that came in time until more is asked for at once again. */
const CALM = 4

export function pull(api: Api, config: Config): Pull {
  let share = 1
  let calm = 0
  const remarked = new Set<string>()

  return {
    async *pages(from, io) {
      const asked = (await io.digest(new TextEncoder().encode(config.question))).slice(0, 16)
      let place = from === undefined ? undefined : readPlace(from, asked)
      // A look begins anew: what was quiet before says nothing about now.
      if (place !== undefined && !place.walk) place = { ...place, quiet: 0 }
      let last: readonly RemoteRecord[] = []
      for (;;) {
        const before = place
        const { answer, missed } = await look(before, io)
        remark(answer.notices, io)
        const records = read(answer, io)
        // What only says the page before again brings us no further.
        const news = Object.values(answer.items).some(items => items.length > 0) && !sameData(records, last)
        last = records
        const quiet = news ? 0 : (before?.quiet ?? 0) + 1
        const ended = quiet >= config.quiet
        const walking = before?.walk ?? true
        place = {
          cursors: answer.cursors,
          walk: walking && !ended,
          quiet: ended ? 0 : quiet,
          since: hourOf(answer.now),
          asked,
        }
        yield await pageOf(place, records, { walking, ended, missed }, io)
        if (ended) return
      }
    },
  }

  async function look(place: Place | undefined, io: Io): Promise<{ answer: SyncAnswer; missed: boolean }> {
    try {
      const answer = await asked(place, false, io)
      if (place === undefined || config.acceptMissedDeletes || answer.now - place.since <= OLDEST) {
        return { answer, missed: false }
      }
      throw new SyncError(
        'cursor-invalid',
        'We were away longer than deletions are surely kept. Everything is read anew.',
      )
    } catch (error) {
      const expired = error instanceof SyncError && error.details.expired === true
      if (!expired || !config.acceptMissedDeletes) throw error
      return { answer: await asked(place, true, io), missed: true }
    }
  }

  /** Less at once where that takes too long, and more again after a while. */
  async function asked(place: Place | undefined, accept: boolean, io: Io): Promise<SyncAnswer> {
    for (;;) {
      const answer = await api.sync(place?.cursors, share, accept, io)
      if (answer !== 'too-much') {
        calm += 1
        if (share < 1 && calm >= CALM) {
          share = Math.min(1, share * 2)
          calm = 0
        }
        return answer
      }
      calm = 0
      if (share < 1 / 4096)
        throw new SyncError('server', 'The graph takes too long even for one row. It will be asked later.')
      share /= 2
    }
  }

  function read(answer: SyncAnswer, io: Io): RemoteRecord[] {
    const records = config.sets.flatMap(set =>
      (answer.items[set.name] ?? []).flatMap(item => {
        const record = remoteRecord(item, set)
        if (record === undefined) {
          io.notice({
            code: 'unreadable',
            message: `An instance of ${set.name} without identity or times was passed over.`,
          })
        }
        return record ?? []
      }),
    )
    return settled(records)
  }

  async function pageOf(
    place: Place,
    records: RemoteRecord[],
    { walking, ended, missed }: { walking: boolean; ended: boolean; missed: boolean },
    io: Io,
  ): Promise<Page> {
    const page: Page = {
      records,
      cursor: { ...place } as unknown as Json,
      ...(missed && { missesDeletes: true }),
    }
    if (!walking) return page
    if (!ended)
      return { ...page, private: { put: spacesIn(records).map(space => ({ key: ['shown', space], row: {} })) } }
    const lost = await missingSpaces(api, config, new Set(spacesIn(records)), io)
    return {
      ...page,
      private: { clear: [['shown']] },
      complete: config.whole.map(source => ({ source })),
      ...(lost.length > 0 && {
        suspicious: `Nothing of the space ${lost.join(', ')} can be seen any more: was access to it taken away?`,
      }),
    }
  }

  /** Each remark once: the query does not change. */
  function remark(notices: readonly Json[], io: Io): void {
    for (const notice of notices) {
      const code = text(notice, 'code') ?? 'notice'
      const set = text(notice, 'resultExpression')
      if (remarked.has(`${code} ${set}`)) continue
      remarked.add(`${code} ${set}`)
      const about = set === undefined ? '' : ` in ${set}`
      io.notice({ code: 'remark', message: `${code}${about}: ${text(notice, 'hint') ?? ''}`.slice(0, 500) })
    }
  }
}

const spacesIn = (records: readonly RemoteRecord[]): string[] => [
  ...new Set(records.map(({ id }) => id.slice(0, id.indexOf(':')))),
]

/** Throws `cursor-invalid` where it belongs to another question. */
function readPlace(json: Json, asked: string): Place {
  const cursors = member(json, 'cursors')
  const [walk, quiet, since] = [flag(json, 'walk'), count(json, 'quiet'), count(json, 'since')]
  const known = isObject(cursors) && walk !== undefined && quiet !== undefined && since !== undefined
  if (!known || !equal(text(json, 'asked'), asked)) {
    throw new SyncError('cursor-invalid', 'Another part of the graph is read now. Everything is read anew.')
  }
  return { cursors: cursors as Cursors, walk, quiet, since, asked }
}
