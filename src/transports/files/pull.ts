/**
 * Pulling: the head of the log first, then a walk through every share, then the log from that head on. The log is one
 * for all shares, so one cursor serves all sources (sections 2 and 10 of the API page).
 */
import { SyncError } from '../../errors.ts'
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io, Page, Pull } from '../../transport.ts'
import { type Api, deviceGone } from './api.ts'
import { endOf, parentsFirst, resolveRows } from './log.ts'
import type { RecordsReader } from './records-reader.ts'
import { covers, onlyShare, type Place, readPlace, type Scope, writePlace } from './scope.ts'
import { asksSelections, isPart, pausedIn, type Selections, selectionOf, storedSelections } from './selection.ts'
import { sift } from './sift.ts'
import { hiddenNow, type Turn, turn } from './turn.ts'
import { unlisted } from './unlisted.ts'
import {
  completed,
  folderToWalk,
  listed,
  nothingCompleted,
  PAGE_RECORDS,
  pendingWalks,
  scansIn,
  walk,
  walkFrom,
} from './walk.ts'
import { type Cursor, type LogRow, shareRecord } from './wire.ts'

const ROWS = 1000
/** How far one request may scan: asked for while the log has nothing for us. */
const SCAN = 5000
const MOST_EMPTY = 10

export function pull(api: Api, scope: Scope, reader: RecordsReader): Pull {
  const wanted = asksSelections(api, scope)
  const told = new Map<string, Cursor>()

  return {
    async *pages(from, io) {
      let place: Place
      let selections: Selections
      if (from === undefined) {
        const start = await begin(io)
        yield start.page
        ;({ place, selections } = start)
      } else {
        place = readPlace(scope, from)
        selections = await wanted(io)
        const change = await turn(api, scope, place, await storedSelections(io), selections, io)
        if (change?.walks) place = { ...place, phase: 'walk' }
        if (change !== undefined) yield pageOf(change, writePlace(scope, place))
      }
      for (;;) {
        if (place.phase === 'walk') yield* walk(api, scope, reader, place, selections, io)
        const part = place.phase === 'walk' ? await toThePresent(place.at, io) : await onePage(place.at, io)
        if (part.rows.length === 0 && place.phase === 'log' && part.cursor === place.at) return
        place = yield* land(place, part, selections, io)
        if (place.phase === 'log' && !part.more) return
      }
    },

    async landed(cursor, io) {
      const { phase, at } = readPlace(scope, cursor)
      if (phase === 'walk') return // the head was only taken, nothing up to it has been seen
      const paused = pausedIn(await storedSelections(io))
      for (const share of await listed(scope, io)) {
        if (told.get(share) === at || paused.has(share)) continue
        if (await report(api, share, at, io)) told.set(share, at)
      }
    },
  }

  /** The head before the first listing: what changes meanwhile is in the log behind it (I11). */
  async function begin(io: Io): Promise<{ page: Page; place: Place; selections: Selections }> {
    const head = await api.changes({ share: onlyShare(scope), limit: 1 }, io)
    const place: Place = { phase: 'walk', at: head.cursor }
    const selections = await wanted(io)
    const known = await shareList(io)
    const inScope = known.shares.filter(({ id }) => covers(scope, id))
    const ids = scope.shares === 'all' ? inScope.map(({ id }) => id) : scope.shares
    const page: Page = {
      records: inScope.map(({ id, value }) => shareRecord(id, value)),
      cursor: writePlace(scope, place),
      snapshot: true,
      private: walkFrom(scope, ids, known.whole, selections),
      hides: await hiddenNow(api, selections, io),
    }
    return { page, place, selections }
  }

  async function shareList(io: Io) {
    const list = await api.shares(io)
    if (list !== undefined) return list
    // Named shares can be walked without the list; only the `shares` source stays empty then.
    if (scope.shares !== 'all') return { shares: [], whole: false }
    throw new SyncError('misconfigured', 'The file server does not list shares: name those to sync, files({ share }).')
  }

  interface Part {
    readonly rows: readonly LogRow[]
    readonly cursor: Cursor
    readonly more: boolean
    /** The server only promises: what was scanned is kept, then this try ends. */
    readonly endless?: true
  }

  /** One page with something in it, or the end of the log. A log that only ever promises more is given up (F67, F68). */
  async function onePage(from: Cursor, io: Io): Promise<Part> {
    let at = from
    for (let empty = 0; empty < MOST_EMPTY; empty++) {
      const limit = empty === 0 ? ROWS : SCAN
      const { rows, unsupported, cursor, more } = await api.changes({ cursor: at, share: onlyShare(scope), limit }, io)
      if (unsupported > 0) {
        io.notice({ code: 'unsupported', message: `${unsupported} changes of an unknown kind were passed over.` })
      }
      if (more && cursor === at) {
        io.notice({ code: 'protocol', message: 'The file server promises more changes at the same place.' })
        if (rows.length > 0) return { rows, cursor, more: false }
        throw endless()
      }
      if (rows.length > 0 || !more) return { rows, cursor, more }
      at = cursor
    }
    return { rows: [], cursor: at, more: true, endless: true }
  }

  /** The catch-up window after a walk, as a whole. */
  async function toThePresent(from: Cursor, io: Io): Promise<Part> {
    const rows: LogRow[] = []
    let at = from
    for (let empty = 0; ; ) {
      const part = await onePage(at, io)
      rows.push(...part.rows)
      at = part.cursor
      if (!part.more) return { rows, cursor: at, more: false }
      empty = part.rows.length === 0 ? empty + 1 : 0
      if (empty >= MOST_EMPTY) throw endless()
    }
  }

  /** An entry that is missing is explained by what the log says behind these rows, so that is read too. */
  async function resolved(first: Part, how: Parameters<typeof resolveRows>[3], io: Io) {
    const asked = new Set<string>()
    for (let part = first; ; ) {
      const news = await resolveRows(api, scope, part.rows, how, io)
      const open = news.missing.filter(id => !asked.has(id))
      if (open.length === 0) return { part, news }
      part = await readOn(part, new Set(open), io)
      for (const id of open) asked.add(id)
    }
  }

  /** On to where these ended, or to the present. What was read to the present ends there again. */
  async function readOn(part: Part, ids: ReadonlySet<string>, io: Io): Promise<Part> {
    if (!part.more) {
      const rest = await toThePresent(part.cursor, io)
      return { ...rest, rows: [...part.rows, ...rest.rows] }
    }
    const rows = [...part.rows]
    for (let at = part.cursor; ; ) {
      const next = await onePage(at, io)
      rows.push(...next.rows)
      at = next.cursor
      if (!next.more || next.endless || endOf(rows, ids).size === ids.size) return { ...next, rows }
    }
  }

  /**
   * Deleted folders speak for what is in them as it is known when they land, so whatever moved out of them goes in an
   * earlier page. All pages but the last keep the old cursor: a crash between them repeats, and skips nothing.
   */
  async function* land(place: Place, read: Part, selections: Selections, io: Io): AsyncGenerator<Page, Place> {
    const walking = place.phase === 'walk'
    const { part, news } = await resolved(read, { paused: pausedIn(selections), walking }, io)
    const sifted = await sift(api, selections, part.rows, news, walking, io)
    const { subtrees, hides } = sifted
    const here = writePlace(scope, place)
    const upserts = parentsFirst(sifted.upserts)
    while (upserts.length > PAGE_RECORDS || (upserts.length > 0 && (subtrees.length > 0 || news.scans.size > 0))) {
      yield { records: upserts.splice(0, PAGE_RECORDS), cursor: here }
    }
    for (const [source, touched] of news.scans) yield* reader.scan(source, touched, here, io)

    const again = news.appeared.map(share => scansIn(scope, share))
    const put = [
      ...news.rows.put.filter(({ key }) => !sifts(selections, key)),
      ...(walking ? movedMeanwhile(part.rows, sifted.upserts, selections) : []),
      ...sifted.put,
      ...again.flatMap(one => one.put),
    ]
    // Something to list came into sight: the walk goes on, and a new catch-up window opens behind this page.
    const more = put.some(({ key }) => key[0] === 'queue' || key[0] === 'scan')
    const next: Place = { phase: more ? 'walk' : 'log', at: part.cursor }
    const ends = walking && !more
    if (ends) yield* unlisted(api, selections, here, io)
    const { complete, suspicious, clear } = ends ? await completed(io) : nothingCompleted
    // What went on in a share while it could not be seen, only a listing tells.
    const anew = news.appeared.length > 0 && !(await pendingWalks(io))
    yield {
      records: [...upserts, ...subtrees],
      cursor: writePlace(scope, next),
      private: {
        clear: [...clear, ...(more ? [['asked']] : []), ...again.flatMap(one => one.clear)],
        put,
        delete: [...news.rows.delete, ...sifted.delete],
      },
      ...(hides.length > 0 && { hides }),
      ...(anew && { anew }),
      ...(complete.length > 0 ? { complete } : {}),
      ...(suspicious === undefined ? {} : { suspicious }),
    }
    if (part.endless) throw endless()
    return next
  }
}

const pageOf = ({ records, hides, put, clear, anew, resumes }: Turn, cursor: Page['cursor']): Page => ({
  records,
  snapshot: true,
  cursor,
  private: { clear, put },
  hides,
  ...(anew && { anew }),
  ...(resumes && { resumes }),
})

/** A folder to be listed in a share that is shown in part: `sift` says whether it is. */
const sifts = (selections: Selections, [what, share, folder]: RowKey): boolean =>
  what === 'queue' && folder !== 'root' && isPart(selectionOf(selections, String(share)))

/** A folder that moved while others were being listed, perhaps out of one that was not yet into one that was. */
function movedMeanwhile(
  rows: readonly LogRow[],
  upserts: readonly RemoteRecord[],
  selections: Selections,
): readonly KeyedRow[] {
  const alive = new Set(upserts.filter(({ value }) => value !== null).map(({ id }) => id))
  return rows.flatMap(({ id, kind, share, change, newPath }) =>
    kind === 'folder' && change === 'moved' && alive.has(id) && !isPart(selectionOf(selections, share))
      ? [folderToWalk(share, id, newPath ?? '')]
      : [],
  )
}

/** Whether the server has it. Its mirror of our cursor serves its own status and compaction only, so it may wait. */
async function report(api: Api, share: string, at: Cursor, io: Io): Promise<boolean> {
  try {
    if (await api.position(share, at, io)) return true
    if ((await api.own(io)) === 'gone') throw deviceGone()
  } catch (error) {
    if (!(error instanceof SyncError) || !HARMLESS.has(error.code)) throw error
  }
  return false // where the share is lost, its row in the log says so
}

// The next page tells it again. A 400 means that the server lost rows: the next pull learns that from the log itself.
const HARMLESS = new Set([
  'network',
  'timeout',
  'server',
  'truncated',
  'not-the-api',
  'protocol',
  'throttled',
  'late',
  'rejected',
  'forbidden',
  'remote-full',
  'conflict',
])

function endless(): SyncError {
  return new SyncError(
    'protocol',
    'The file server keeps promising more changes and sends none. It will be asked later.',
  )
}
