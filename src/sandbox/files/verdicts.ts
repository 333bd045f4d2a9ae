import {
  create,
  createCopy,
  type Desk,
  type Effect,
  holdClient,
  keepServer,
  relocate,
  remove,
  resurrect,
  update,
} from './effects.ts'
import { ApiError } from './errors.ts'
import type { Case, Place } from './examine.ts'
import type { Resource, Strategy, Version } from './state.ts'

/** A change and the server's side that it met. */
export type Clash = Desk & {
  readonly case: Case
  readonly server: Resource
  readonly place: Place | undefined
  readonly base: Version | undefined
}

export type Verdict = (clash: Clash) => Effect

/** The conflict table, cell by cell. A cell that is not built says so: it never does something else instead. */
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
    KEEP_BOTH: it => createCopy(it, it.server, it.change.resource_id ?? undefined) ?? holdClient(it, it.server),
    SERVER_WINS: it => keepServer(it, it.server, false),
    CLIENT_WINS: it => update(it, it.server, 'remapped'),
    MANUAL: it => holdClient(it, it.server),
  },
  'create file/create folder': notBuilt(),
  'move/move': notBuilt(),
  'move/delete': notBuilt(),
  'delete/move': notBuilt(),
  'move/name taken': notBuilt(),
  'move/cycle': notBuilt(),
  'delete folder/child changed': notBuilt(),
  'into a deleted folder': notBuilt(),
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

function notBuilt(): Record<Strategy, Verdict> {
  const cell: Verdict = ({ case: name }) => {
    throw new ApiError('NOT_IMPLEMENTED', `this server has no verdict for ${name} yet`, { case: name })
  }
  return { LAST_WRITER_WINS: cell, KEEP_BOTH: cell, SERVER_WINS: cell, CLIENT_WINS: cell, MANUAL: cell }
}
