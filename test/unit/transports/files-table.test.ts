/**
 * The conflict table of the file API (section 4 of its page), cell by cell, over HTTP: two devices, five strategies, both
 * orders in time; settled by the server, which gets the strategy with the change, and settled by the worker, which sends
 * strict changes. What is expected is written down here by hand, from the contract.
 */
import { describe, expect, test } from 'vitest'
import { type Device, EARLY, LATE, MODES, type Mode, place } from './table-kit.ts'

/** `©` in a name is the bracket of a conflicted copy, `?` behind a tree an open question. */
type Cell = string
type Columns = readonly [later: Cell, earlier: Cell, both: Cell, server: Cell, client: Cell, manual: Cell]

interface Row {
  readonly name: string
  readonly before?: (one: Device) => Promise<unknown>
  /** What the device does whose change comes second. */
  readonly client: (one: Device) => Promise<unknown>
  /** What the other one did, and the server has. */
  readonly server: (one: Device) => Promise<unknown>
  /** LAST_WRITER_WINS where the client was later, where it was earlier; the four others, whoever was later. */
  readonly cells: Columns
  /** Nothing is in conflict: all that both did is in the result. */
  readonly peace?: true
  /** Where a device that settles by itself ends elsewhere, and why. */
  readonly worker?: { readonly cells: Columns; readonly why: string }
}

const all = (cell: Cell): Columns => [cell, cell, cell, cell, cell, cell]

const ROWS: readonly Row[] = [
  {
    name: 'update / update',
    before: one => one.create('a.txt', 'base'),
    client: one => one.write('a.txt', 'mine'),
    server: one => one.write('a.txt', 'theirs'),
    cells: ['a.txt=mine', 'a.txt=theirs', 'a©.txt=mine a.txt=theirs', 'a.txt=theirs', 'a.txt=mine', 'a.txt=theirs?'],
  },
  {
    name: 'update / delete',
    before: one => one.create('a.txt', 'base'),
    client: one => one.write('a.txt', 'mine'),
    server: one => one.remove('a.txt'),
    cells: ['a.txt=mine', '', 'a.txt=mine', '', 'a.txt=mine', '?'],
  },
  {
    name: 'delete / update',
    before: one => one.create('a.txt', 'base'),
    client: one => one.remove('a.txt'),
    server: one => one.write('a.txt', 'theirs'),
    cells: ['', 'a.txt=theirs', 'a.txt=theirs', 'a.txt=theirs', '', 'a.txt=theirs?'],
  },
  {
    name: 'delete / delete',
    before: one => one.create('a.txt', 'base'),
    client: one => one.remove('a.txt'),
    server: one => one.remove('a.txt'),
    cells: all(''),
    peace: true,
  },
  {
    name: 'create / create, same path, different content',
    client: one => one.create('a.txt', 'mine'),
    server: one => one.create('a.txt', 'theirs'),
    cells: ['a.txt=mine', 'a.txt=theirs', 'a©.txt=mine a.txt=theirs', 'a.txt=theirs', 'a.txt=mine', 'a.txt=theirs?'],
  },
  {
    name: 'create / create, same content',
    client: one => one.create('a.txt', 'same'),
    server: one => one.create('a.txt', 'same'),
    cells: all('a.txt=same'),
    peace: true,
  },
  {
    name: 'create / create, both folders',
    client: async one => {
      await one.folder('d')
      await one.create('d/mine', '1')
    },
    server: async one => {
      await one.folder('d')
      await one.create('d/theirs', '2')
    },
    cells: all('d/ d/mine=1 d/theirs=2'),
    peace: true,
  },
  {
    name: 'create file / create folder',
    client: one => one.create('n.x', 'mine'),
    server: one => one.folder('n.x'),
    cells: ['n©.x=mine n.x/', 'n©.x=mine n.x/', 'n©.x=mine n.x/', 'n.x/', 'n©.x=mine n.x/', 'n.x/?'],
  },
  {
    name: 'create folder / create file',
    client: one => one.folder('n'),
    server: one => one.create('n', 'theirs'),
    cells: ['n©/ n=theirs', 'n©/ n=theirs', 'n©/ n=theirs', 'n=theirs', 'n©/ n=theirs', 'n=theirs?'],
    worker: {
      cells: ['n©/ n=theirs', 'n©/ n=theirs', 'n©/ n=theirs', 'n©/ n=theirs', 'n©/ n=theirs', 'n=theirs?'],
      why: 'A folder that gave way would take along what is in it.',
    },
  },
  {
    name: 'move / move of one file',
    before: async one => {
      await one.create('a.txt', 'base')
      await one.folder('to')
    },
    client: one => one.move('a.txt', 'to/mine.txt'),
    server: one => one.move('a.txt', 'to/theirs.txt'),
    cells: [
      'to/ to/mine.txt=base',
      'to/ to/theirs.txt=base',
      'to/ to/theirs.txt=base',
      'to/ to/theirs.txt=base',
      'to/ to/mine.txt=base',
      'to/ to/theirs.txt=base?',
    ],
  },
  {
    name: 'rename / rename of one folder',
    before: async one => {
      await one.folder('d')
      await one.create('d/x', 'base')
    },
    client: one => one.move('d', 'mine'),
    server: one => one.move('d', 'theirs'),
    cells: [
      'mine/ mine/x=base',
      'theirs/ theirs/x=base',
      'theirs/ theirs/x=base',
      'theirs/ theirs/x=base',
      'mine/ mine/x=base',
      'theirs/ theirs/x=base?',
    ],
  },
  {
    name: 'move / update',
    before: async one => {
      await one.create('a.txt', 'base')
      await one.folder('to')
    },
    client: one => one.move('a.txt', 'to/b.txt'),
    server: one => one.write('a.txt', 'theirs'),
    cells: all('to/ to/b.txt=theirs'),
    peace: true,
  },
  {
    name: 'update / rename',
    before: one => one.create('a.txt', 'base'),
    client: one => one.write('a.txt', 'mine'),
    server: one => one.move('a.txt', 'b.txt'),
    cells: all('b.txt=mine'),
    peace: true,
  },
  {
    name: 'move / delete',
    before: async one => {
      await one.create('a.txt', 'base')
      await one.folder('to')
    },
    client: one => one.move('a.txt', 'to/b.txt'),
    server: one => one.remove('a.txt'),
    cells: ['to/ to/b.txt=base', 'to/', 'to/', 'to/', 'to/ to/b.txt=base', 'to/?'],
  },
  {
    name: 'delete / move',
    before: async one => {
      await one.create('a.txt', 'base')
      await one.folder('to')
    },
    client: one => one.remove('a.txt'),
    server: one => one.move('a.txt', 'to/b.txt'),
    cells: ['to/', 'to/ to/b.txt=base', 'to/ to/b.txt=base', 'to/ to/b.txt=base', 'to/', 'to/ to/b.txt=base?'],
  },
  {
    name: 'rename onto a name that another took',
    before: one => one.create('a.txt', 'base'),
    client: one => one.move('a.txt', 'b.txt'),
    server: one => one.create('b.txt', 'theirs'),
    cells: [
      'b©.txt=base b.txt=theirs',
      'b©.txt=base b.txt=theirs',
      'b©.txt=base b.txt=theirs',
      'a.txt=base b.txt=theirs',
      'b©.txt=base b.txt=theirs',
      'a.txt=base b.txt=theirs?',
    ],
  },
  {
    name: 'two folders moved into each other',
    before: async one => {
      await one.folder('one')
      await one.folder('two')
    },
    client: one => one.move('one', 'two/one'),
    server: one => one.move('two', 'one/two'),
    cells: ['one/ one/two/', 'one/ one/two/', 'one/ one/two/', 'one/ one/two/', 'one/ one/two/', 'one/ one/two/?'],
    worker: { cells: all('one/ one/two/'), why: 'A question with one possible answer is not asked, only told.' },
  },
  {
    name: 'delete folder / child added',
    before: async one => {
      await one.folder('d')
      await one.create('d/x', 'base')
    },
    client: one => one.remove('d'),
    server: one => one.create('d/new', 'theirs'),
    // Child by child: that x is deleted is a change of its own, with nothing against it.
    cells: ['', 'd/ d/new=theirs', 'd/ d/new=theirs', 'd/ d/new=theirs', '', 'd/ d/new=theirs?'],
  },
  {
    name: 'delete folder / child changed',
    before: async one => {
      await one.folder('d')
      await one.create('d/x', 'base')
    },
    client: one => one.remove('d'),
    server: one => one.write('d/x', 'theirs'),
    cells: ['', 'd/ d/x=theirs', 'd/ d/x=theirs', 'd/ d/x=theirs', '', 'd/ d/x=theirs?'],
  },
  {
    name: 'create in a folder that was deleted',
    before: async one => {
      await one.folder('d')
      await one.create('d/x', 'base')
    },
    client: one => one.create('d/new', 'mine'),
    server: one => one.remove('d'),
    cells: ['d/ d/new=mine', 'd/ d/new=mine', 'd/ d/new=mine', '', 'd/ d/new=mine', '?'],
  },
  {
    name: 'move into a folder that was deleted',
    before: async one => {
      await one.folder('d')
      await one.create('a.txt', 'base')
    },
    client: one => one.move('a.txt', 'd/a.txt'),
    server: one => one.remove('d'),
    cells: ['d/ d/a.txt=base', 'd/ d/a.txt=base', 'd/ d/a.txt=base', 'a.txt=base', 'd/ d/a.txt=base', 'a.txt=base?'],
  },
]

const COLUMNS = [
  ['LAST_WRITER_WINS', true, 0],
  ['LAST_WRITER_WINS', false, 1],
  // The others do not look at the time: it says the opposite.
  ['KEEP_BOTH', false, 2],
  ['SERVER_WINS', true, 3],
  ['CLIENT_WINS', false, 4],
  ['MANUAL', true, 5],
] as const

const expected = (cell: Cell, at: number): string => {
  const stamp = new Date(at).toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '')
  return cell.replaceAll('©', ` (conflicted copy Laptop ${stamp})`)
}

describe.each(MODES)('settled by the %s', mode => {
  describe.each(ROWS)('$name', row => {
    test.each(COLUMNS)('under %s, the client later: %s', async (strategy, later, column) => {
      const at = await place(mode, strategy)
      try {
        const mine = await at.device('Laptop')
        await row.before?.(mine)
        await mine.sync()
        await mine.pause()
        const theirs = await at.device('Phone')
        await theirs.sync()

        const first = () => row.client(mine)
        const second = async () => {
          await row.server(theirs)
          await theirs.sync()
        }
        for (const [time, act] of later
          ? ([
              [EARLY, second],
              [LATE, first],
            ] as const)
          : ([
              [EARLY, first],
              [LATE, second],
            ] as const)) {
          at.clock.stop(time)
          await act()
        }
        at.clock.go(LATE + 600_000)
        for (const one of [mine, theirs, mine, theirs]) await one.sync()

        const cells = mode === 'worker' && row.worker ? row.worker.cells : row.cells
        const cell = cells[column]!
        const asks = cell.endsWith('?')
        const tree = expected(asks ? cell.slice(0, -1) : cell, later ? LATE : EARLY)
        expect({ there: at.shows(), theirs: await theirs.shows() }).toEqual({ there: tree, theirs: tree })
        const inbox = await mine.inbox()
        expect(inbox.filter(({ state }) => state === 'open')).toHaveLength(asks ? 1 : 0)
        if (!asks) expect(await mine.shows()).toBe(tree)
        if (row.peace) expect(inbox).toEqual([])
        else expect(inbox.length).toBeGreaterThan(0)
        await mustBeKept(mode, at, mine, asks)
      } finally {
        await at.close()
      }
    })
  })
})

/** No conflict is silent, and nothing that lost is gone: what is in the tree no more, the inbox or the server has. */
async function mustBeKept(mode: Mode, at: Awaited<ReturnType<typeof place>>, mine: Device, asks: boolean) {
  const { conflicts } = at.sandbox.inspect()
  if (mode === 'worker') return expect(conflicts).toEqual([])
  const open = conflicts.filter(({ resolution }) => resolution === null)
  expect(open.length).toBeLessThanOrEqual(asks ? 1 : 0)
  // Whatever the server wrote down about this device's changes is known to its user.
  const told = await mine.inbox()
  const known = new Set(
    told.flatMap(({ record, theirs, copy, local }) => [record, theirs.id, copy, `ver_${local.change}`]),
  )
  for (const { resource_id, client_version_id } of conflicts)
    expect(known.has(resource_id) || known.has(client_version_id)).toBe(true)
}
