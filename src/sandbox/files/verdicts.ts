import {
  create,
  createCopy,
  createInRevived,
  type Desk,
  type Effect,
  holdClient,
  keepServer,
  relocate,
  relocateBeside,
  remove,
  resurrect,
  untouched,
  update,
} from './effects.ts'
import type { Case, Place } from './examine.ts'
import { descendantsOf } from './paths.ts'
import type { Resource, Strategy, Version } from './state.ts'

/** A change and the server's side that it met. */
export type Clash = Desk & {
  readonly case: Case
  readonly server: Resource
  readonly place: Place
  readonly base: Version | undefined
}

export type Verdict = (clash: Clash) => Effect

/** The conflict table, cell by cell. */
export const VERDICTS: Record<Case, Record<Strategy, Verdict>> = {
  'update/update': {
    LAST_WRITER_WINS: later(
      contentTime,
      it => update(it, it.server),
      it => keepServer(it, it.server, true),
    ),
    KEEP_BOTH: it => createCopy(it, it.server) ?? holdClient(it, it.server),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => update(it, it.server),
    MANUAL: it => holdClient(it, it.server),
  },
  'update/delete': {
    LAST_WRITER_WINS: later(
      deleteTime,
      it => resurrect(it, it.server),
      it => keepServer(it, it.server, true),
    ),
    KEEP_BOTH: it => resurrect(it, it.server),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => resurrect(it, it.server),
    MANUAL: it => holdClient(it, it.server),
  },
  'delete/update': {
    LAST_WRITER_WINS: later(
      contentTime,
      it => remove(it, it.server),
      it => keepServer(it, it.server, false),
    ),
    KEEP_BOTH: it => keepServer(it, it.server, false),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => remove(it, it.server),
    MANUAL: it => holdClient(it, it.server),
  },
  'create/create': {
    LAST_WRITER_WINS: later(
      contentTime,
      it => update(it, it.server, 'remapped'),
      it => keepServer(it, it.server, true),
    ),
    KEEP_BOTH: it => copyOrHold(it),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => update(it, it.server, 'remapped'),
    MANUAL: it => holdClient(it, it.server),
  },
  'create file/create folder': {
    LAST_WRITER_WINS: it => copyOrHold(it),
    KEEP_BOTH: it => copyOrHold(it),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => copyOrHold(it),
    MANUAL: it => holdClient(it, it.server),
  },
  'move/move': {
    LAST_WRITER_WINS: later(
      placeTime,
      it => relocateBeside(it, it.server, it.place),
      it => keepServer(it, it.server, false),
    ),
    KEEP_BOTH: it => keepServer(it, it.server, false),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => relocateBeside(it, it.server, it.place),
    MANUAL: it => holdClient(it, it.server),
  },
  'move/delete': {
    LAST_WRITER_WINS: later(
      deleteTime,
      it => resurrect(it, it.server, it.place),
      it => keepServer(it, it.server, false),
    ),
    KEEP_BOTH: it => keepServer(it, it.server, false),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => resurrect(it, it.server, it.place),
    MANUAL: it => holdClient(it, it.server),
  },
  'delete/move': {
    LAST_WRITER_WINS: later(
      it => Math.max(placeTime(it), childTime(it)),
      it => remove(it, it.server),
      it => keepServer(it, it.server, false),
    ),
    KEEP_BOTH: it => keepServer(it, it.server, false),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => remove(it, it.server),
    MANUAL: it => holdClient(it, it.server),
  },
  'move/name taken': {
    LAST_WRITER_WINS: it => relocateBeside(it, it.server, it.place),
    KEEP_BOTH: it => relocateBeside(it, it.server, it.place),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => relocateBeside(it, it.server, it.place),
    MANUAL: it => holdClient(it, it.server),
  },
  'move/cycle': {
    LAST_WRITER_WINS: neverApplied,
    KEEP_BOTH: neverApplied,
    SERVER_WINS: neverApplied,
    CLIENT_WINS: neverApplied,
    MANUAL: it => holdClient(it, it.server),
  },
  'delete folder/child changed': {
    LAST_WRITER_WINS: later(
      childTime,
      it => remove(it, it.server),
      it => keepServer(it, it.server, false),
    ),
    KEEP_BOTH: it => keepServer(it, it.server, false),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => remove(it, it.server),
    MANUAL: it => holdClient(it, it.server),
  },
  'into a deleted folder': {
    LAST_WRITER_WINS: intoRevived,
    KEEP_BOTH: intoRevived,
    SERVER_WINS: it => untouched(it, 'superseded', it.change.change_type === 'created' ? undefined : it.server),
    CLIENT_WINS: intoRevived,
    MANUAL: it => holdClient(it, it.server),
  },
}

/** A change that meets nothing in its way. */
export function plain(desk: Desk, server: Resource | undefined, place: Place, merged: boolean): Effect {
  const outcome = merged ? 'merged' : 'applied'
  if (!server) return create(desk, place)
  if (desk.change.change_type === 'updated') return update(desk, server, outcome)
  if (desk.change.change_type === 'deleted') return remove(desk, server, outcome)
  return relocate(desk, server, place, outcome)
}

/** Later wins, a tie is the server's. A client clock in the future counts as now. */
function later(theirs: (clash: Clash) => number, mine: Verdict, keep: Verdict): Verdict {
  return clash => {
    const now = clash.state.now()
    const at = Math.min(clash.change.modified_at ?? now, now)
    // Without a time the client's is the time of receipt, and wins.
    return at > theirs(clash) || clash.change.modified_at === null ? mine(clash) : keep(clash)
  }
}

function contentTime({ server }: Clash): number {
  return server.content?.modified_at ?? 0
}

function deleteTime({ server }: Clash): number {
  return server.deleted_at ?? 0
}

function placeTime({ server }: Clash): number {
  return server.located_at
}

/** When something in a folder was changed last. */
function childTime({ state, server }: Clash): number {
  return Math.max(0, ...descendantsOf(state, server).map(it => state.versions.get(it.version_id)?.changed_at ?? 0))
}

function copyOrHold(clash: Clash): Effect {
  return createCopy(clash, clash.place, clash.change.resource_id ?? undefined) ?? holdClient(clash, clash.server)
}

function intoRevived(clash: Clash): Effect {
  if (clash.change.change_type === 'created') return createInRevived(clash, clash.place)
  return relocateBeside(clash, clash.server, clash.place)
}

/** No strategy can put a folder into itself: the server's tree stays, and the record says so. */
function neverApplied(clash: Clash): Effect {
  return { ...keepServer(clash, clash.server, false), resolution: 'SERVER_WINS' }
}
