/** The file server, for the pages that play on it: notes in a records folder, and files. */
import type { FilesSandbox } from '../../src/sandbox/files/sandbox.ts'
import type { Asked, Routes } from './routes.ts'

export interface SharePlace {
  readonly url: string
  readonly token: string
  /** The share that is played on. */
  readonly play: string
}

export interface NotesSeen {
  readonly notes: readonly {
    readonly id: string
    readonly value: { readonly title?: string; readonly text?: string }
  }[]
}

export interface FilesSeen {
  readonly entries: readonly {
    readonly id: string
    readonly path: string
    readonly kind: 'file' | 'folder'
    readonly size: number | null
  }[]
}

export function shares({ admin, inspect }: FilesSandbox, url: string): Routes {
  /** Everybody who plays has an account, and so a list of devices, of their own. */
  function add(name: string): SharePlace {
    const { user_id, token } = admin.addUser('Ada')
    return { url, token, play: admin.addShare(`${name} ${inspect().shares.length + 1}`, user_id) }
  }

  function place(name: string, { query }: Asked): SharePlace {
    const asked = query.get('play')
    const share = inspect().shares.findLast(one =>
      asked === null ? one.name.startsWith(`${name} `) : one.id === asked,
    )
    const owner = inspect().tokens.find(({ user_id }) => user_id === share?.owner_id)
    return share === undefined || owner === undefined ? add(name) : { url, token: owner.token, play: share.id }
  }

  const entries = ({ query }: Asked) => inspect().tree[query.get('play') ?? ''] ?? []

  /** The notes as they lie in the share's shards; see src/transports/files/shards.ts. */
  function notes(asked: Asked): NotesSeen {
    const shards = entries(asked).filter(({ path }) => /^\/notes\/\d+\.json$/.test(path))
    const notes = shards.flatMap(({ sha256 }) => {
      const held = sha256 === null ? undefined : inspect().bytes(sha256)
      return held === undefined ? [] : (JSON.parse(new TextDecoder().decode(held)) as NotesSeen['notes'])
    })
    return { notes }
  }

  return {
    'GET notes/place': asked => place('Notes', asked),
    'POST notes/place': () => add('Notes'),
    'GET notes/seen': notes,
    'GET files/place': asked => place('Files', asked),
    'POST files/place': () => add('Files'),
    'GET files/seen': (asked): FilesSeen => ({
      entries: entries(asked).map(({ id, path, kind, size }) => ({ id, path, kind, size })),
    }),
  }
}
