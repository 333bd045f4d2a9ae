import { expect, test } from 'vitest'
import { type Entry, type Evidence, judge, type Write } from './oracle.ts'

const write = (n: number, cell: string, over: string | null, value: string): Write => ({
  n,
  cell,
  by: `d${n}`,
  value,
  over,
  acked: true,
})

/** The name of file `a` was `old`, its bytes clashed, and `copy` keeps the local ones under the same name. */
const madeOne = (cells: { readonly [cell: string]: string }, renamed: Write): Evidence => ({
  writes: [
    write(0, 'tree/a#place', null, 'old'),
    write(1, 'tree/a#bytes', null, 'first'),
    write(2, 'tree/a#bytes', 'first', 'theirs'),
    write(3, 'tree/a#bytes', 'first', 'mine'),
    renamed,
  ],
  server: { name: 'server', cells: new Map(Object.entries(cells)), stopped: new Set() },
  replicas: [],
  inbox: [entry('tree/a#place', 'old', 'old', 'old'), entry('tree/a#bytes', 'first', 'mine', 'theirs')],
  guarded: true,
  remade: new Set(),
  shownAgain: new Set(),
  unseen: new Set(),
  mistaken: new Set(),
  relived: new Set(),
  overrun: new Set(),
  nameless: false,
  shown: new Set(),
  rule: 'KEEP_BOTH',
  revived: new Set(),
})

const entry = (cell: string, base: string, local: string, remote: string): Entry => ({
  by: 'd3',
  cell,
  base,
  local,
  remote,
  copy: 'tree/copy',
  open: false,
  byUser: false,
})

const bytes = { 'tree/a#bytes': 'theirs', 'tree/copy#bytes': 'mine' }

test('a rename of a copy is none of the original (I4)', () => {
  const cells = { ...bytes, 'tree/a#place': 'old', 'tree/copy#place': 'new' }
  expect(judge(madeOne(cells, write(4, 'tree/copy#place', 'old', 'new')))).toEqual([])
})

test('a rename of the original that is gone is seen, also beside a copy (I1, I4)', () => {
  const cells = { ...bytes, 'tree/a#place': 'old', 'tree/b#place': 'new' }
  const failures = judge(madeOne(cells, write(4, 'tree/a#place', 'old', 'new')))
  expect(failures.map(({ invariant }) => invariant)).toContain('I4')
})

test('what was run over by somebody whom nothing had shown it is excused, and nothing else (I1, I5)', () => {
  const one: Evidence = {
    ...madeOne({}, write(4, 'notes/n', null, 'first')),
    writes: [
      write(0, 'notes/n', null, 'first'),
      write(1, 'notes/n', 'first', 'lost'),
      write(2, 'notes/n', 'first', 'won'),
    ],
    server: { name: 'server', cells: new Map([['notes/n', 'won']]), stopped: new Set() },
    inbox: [],
    guarded: false,
  }
  expect(judge(one).map(({ invariant }) => invariant)).toEqual(['I5'])
  expect(judge({ ...one, unseen: new Set(['notes/n won']) }).map(({ invariant }) => invariant)).toEqual(['I5'])
  expect(judge({ ...one, unseen: new Set(['notes/n lost']) })).toEqual([])
})

test('a delete that was over when somebody made the record anew is in no conflict with what meets that (I5)', () => {
  const deleted: Write = { ...write(1, 'notes/n', 'first', ''), value: null, by: 'd1' }
  const one: Evidence = {
    ...madeOne({}, write(4, 'notes/n', null, 'first')),
    writes: [write(0, 'notes/n', null, 'first'), deleted, { ...write(2, 'notes/n', 'first', 'won'), by: 'd2' }],
    server: { name: 'server', cells: new Map([['notes/n', 'won']]), stopped: new Set() },
    inbox: [],
    rule: 'ONE_WINNER',
  }
  expect(judge(one).map(({ invariant }) => invariant)).toEqual(['I5'])
  expect(judge({ ...one, relived: new Set(['notes/n other']) }).map(({ invariant }) => invariant)).toEqual(['I5'])
  expect(judge({ ...one, relived: new Set(['notes/n first']) })).toEqual([])
})

test('what a request ran over that came a second time is told by an inbox, if by no more than that (I5)', () => {
  const told = (inbox: readonly Entry[], overrun: readonly string[]): string[] =>
    judge({
      ...madeOne({ 'notes/a': 'v1' }, write(2, 'notes/a', 'v2', 'theirs')),
      writes: [write(0, 'notes/a', null, 'v1'), write(1, 'notes/a', 'v1', 'v2'), write(2, 'notes/a', 'v2', 'theirs')],
      inbox,
      guarded: false,
      shownAgain: new Set(['notes/a v1']),
      overrun: new Set(overrun),
    }).map(({ invariant }) => invariant)
  const late = { ...entry('notes/a', 'v1', 'v1', 'theirs'), copy: undefined }
  expect(told([late], ['notes/a theirs'])).toEqual([])
  expect(told([late], [])).toContain('I5')
  expect(told([], ['notes/a theirs'])).toContain('I5')
})

test('edits that went out with the delete of what is made again since are as deleted as it was (I5)', () => {
  const told = (remade: readonly string[]): string[] =>
    judge({
      ...madeOne({ 'notes/a': 'theirs' }, write(2, 'notes/a', 'v1', 'theirs')),
      writes: [
        write(0, 'notes/a', null, 'v1'),
        { ...write(1, 'notes/a', 'v1', 'mine'), by: 'd3' },
        { ...write(3, 'notes/a', 'mine', 'gone'), by: 'd3', value: null },
        write(2, 'notes/a', 'v1', 'theirs'),
      ],
      inbox: [],
      rule: 'ONE_WINNER',
      remade: new Set(remade),
    }).map(({ invariant }) => invariant)
  expect(told(['notes/a v1'])).toEqual([])
  expect(told([])).toEqual(['I5', 'I5'])
})
