/** What each strategy does in each situation, as a table to read. The laws behind it: test/laws/strategies.test.ts. */
import { describe, expect, test } from 'vitest'
import { sameValue } from '../../src/equal.ts'
import { SyncError } from '../../src/errors.ts'
import type { Field, Rule, Stamp, Value } from '../../src/model.ts'
import type { Case, Judgement, MergeField } from '../../src/resolver.ts'
import { createResolver, knownRule } from '../../src/strategies/index.ts'

const earlier: Stamp = { time: 1_000, device: 'phone' }
const now: Stamp = { time: 60_000, device: 'laptop' }
const later: Stamp = { time: 120_000, device: 'phone' }

const note = { title: 'Tea', text: 'Green', tags: ['hot'] }
const facets = { location: ['parent', 'name'], content: ['sha256', 'size'] }
const file = { parent: 'root', name: 'a.txt', sha256: 'aa', size: 1 }
const tree = { facets, doubles: ['content'] }

// [what the last common record was, mine, theirs, and what else the case says]
const situations: { [name: string]: [Value | null | undefined, Value | null, Value | null, Partial<Case>?] } = {
  'same edit / same edit': [note, { ...note, text: 'Black' }, { ...note, text: 'Black' }],
  'edit / untouched': [note, { ...note, text: 'Black' }, note],
  'untouched / edit': [note, note, { ...note, text: 'Black' }],
  'edit / edit, same field': [note, { ...note, text: 'Black' }, { ...note, text: 'White' }],
  'edit / edit, other field': [note, { ...note, text: 'Black' }, { ...note, title: 'Mate' }],
  'edit / edit, no copies here': [note, { ...note, text: 'Black' }, { ...note, text: 'White' }, { copies: false }],
  'two edits / one of them': [note, { ...note, title: 'Mate', text: 'Black' }, { ...note, text: 'White' }],
  'tag added / tag added': [note, { ...note, tags: ['hot', 'new'] }, { ...note, tags: ['hot', 'big'] }],
  'edit / delete': [note, { ...note, text: 'Black' }, null],
  'delete / edit': [note, null, { ...note, text: 'White' }],
  'delete / delete': [note, null, null],
  'delete / untouched': [note, null, note],
  'create / create': [undefined, { title: 'Mine', text: 'Same' }, { title: 'Theirs', text: 'Same' }],
  'create / create, same': [undefined, note, { ...note }],
  'create / create, other fields': [undefined, { title: 'Mine' }, { text: 'Theirs' }],
  'create / delete of an older life': [null, note, null],
  'file: move / move': [file, { ...file, parent: 'mine' }, { ...file, parent: 'theirs' }, tree],
  'file: move / rename': [file, { ...file, parent: 'mine' }, { ...file, name: 'b.txt' }, tree],
  'file: move / update': [file, { ...file, parent: 'mine' }, { ...file, sha256: 'bb', size: 2 }, tree],
  'file: update / move': [file, { ...file, sha256: 'bb', size: 2 }, { ...file, parent: 'theirs' }, tree],
  'file: update / update': [file, { ...file, sha256: 'bb' }, { ...file, sha256: 'cc' }, tree],
  'file: move and update / update': [file, { ...file, name: 'b', sha256: 'bb' }, { ...file, sha256: 'cc' }, tree],
  'file: move and update / move': [file, { ...file, name: 'b', sha256: 'bb' }, { ...file, name: 'c' }, tree],
  'file: move / move and update': [file, { ...file, name: 'b' }, { ...file, name: 'c', sha256: 'cc' }, tree],
  'file: update / delete': [file, { ...file, sha256: 'bb' }, null, tree],
  'file: move / delete': [file, { ...file, parent: 'mine' }, null, tree],
  'file: move and update / delete': [file, { ...file, parent: 'mine', sha256: 'bb' }, null, tree],
  'file: delete / update': [file, null, { ...file, sha256: 'cc' }, tree],
  'file: other field / same field': [file, { ...file, kind: 'link' }, { ...file, kind: 'folder' }, tree],
  'file: create / create elsewhere': [undefined, { ...file, parent: 'mine' }, { ...file, parent: 'theirs' }, tree],
  'file: delete / move': [file, null, { ...file, parent: 'theirs' }, tree],
}

const columns: { [name: string]: [Rule, Partial<Case['remote']>] } = {
  'LWW, mine later': ['LAST_WRITER_WINS', { at: earlier }],
  'LWW, theirs later': ['LAST_WRITER_WINS', { at: later }],
  KEEP_BOTH: ['KEEP_BOTH', { at: later }],
  SERVER_WINS: ['SERVER_WINS', { at: earlier }],
  CLIENT_WINS: ['CLIENT_WINS', { at: later }],
  MANUAL: ['MANUAL', { at: later }],
  'MERGE, mine later': ['MERGE', { at: earlier }],
  'MERGE, theirs later': ['MERGE', { at: later }],
  'UNION, theirs later': [{ fields: {}, otherwise: 'UNION', onDelete: 'SERVER_WINS' }, { at: later }],
}

// `local` and `remote`: that side is the record. `merged`: something of both is. `both`: the remote is the record, mine
// becomes a copy. `ask`: it waits for the user. Behind the minus what is lost to the record, and so is in the inbox.
const table = `
situation                        | LWW, mine later | LWW, theirs later | KEEP_BOTH     | SERVER_WINS   | CLIENT_WINS   | MANUAL | MERGE, mine later | MERGE, theirs later | UNION, theirs later
same edit / same edit            | remote          | remote            | remote        | remote        | remote        | remote | remote            | remote              | remote
edit / untouched                 | local           | local             | local         | local         | local         | local  | local             | local               | local
untouched / edit                 | remote          | remote            | remote        | remote        | remote        | remote | remote            | remote              | remote
edit / edit, same field          | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
edit / edit, other field         | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | merged            | merged              | merged
edit / edit, no copies here      | local -remote   | remote -local     | ask           | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
two edits / one of them          | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | local -remote     | merged -parts       | merged -parts
tag added / tag added            | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | local -remote     | remote -local       | merged
edit / delete                    | local -remote   | remote -local     | local         | remote -local | local -remote | ask    | local             | local               | remote -local
delete / edit                    | local -remote   | remote -local     | remote        | remote -local | local -remote | ask    | remote            | remote              | remote -local
delete / delete                  | remote          | remote            | remote        | remote        | remote        | remote | remote            | remote              | remote
delete / untouched               | local           | local             | local         | local         | local         | local  | local             | local               | local
create / create                  | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
create / create, same            | remote          | remote            | remote        | remote        | remote        | remote | remote            | remote              | remote
create / create, other fields    | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | merged            | merged              | merged
create / delete of an older life | local           | local             | local         | local         | local         | local  | local             | local               | local
file: move / move                | local -remote   | remote -local     | remote -local | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
file: move / rename              | local -remote   | remote -local     | remote -local | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
file: move / update              | merged          | merged            | merged        | merged        | merged        | merged | merged            | merged              | merged
file: update / move              | merged          | merged            | merged        | merged        | merged        | merged | merged            | merged              | merged
file: update / update            | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
file: move and update / update   | local -remote   | merged -parts     | both          | merged -parts | local -remote | ask    | local -remote     | merged -parts       | merged -parts
file: move and update / move     | local -remote   | merged -parts     | merged -parts | merged -parts | local -remote | ask    | local -remote     | merged -parts       | merged -parts
file: move / move and update     | merged -parts   | remote -local     | remote -local | remote -local | merged -parts | ask    | merged -parts     | remote -local       | remote -local
file: update / delete            | local -remote   | remote -local     | local         | remote -local | local -remote | ask    | local             | local               | remote -local
file: move / delete              | local -remote   | remote -local     | remote -local | remote -local | local -remote | ask    | remote -local     | remote -local       | remote -local
file: move and update / delete   | local -remote   | remote -local     | local         | remote -local | local -remote | ask    | local             | local               | remote -local
file: delete / update            | local -remote   | remote -local     | remote        | remote -local | local -remote | ask    | remote            | remote              | remote -local
file: other field / same field   | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
file: create / create elsewhere  | local -remote   | remote -local     | both          | remote -local | local -remote | ask    | local -remote     | remote -local       | remote -local
file: delete / move              | local -remote   | remote -local     | remote        | remote -local | local -remote | ask    | remote            | remote              | remote -local
`

describe('the table', () => {
  const [header, ...rows] = table
    .trim()
    .split('\n')
    .map(line => line.split('|').map(cell => cell.trim()))

  test('shows every situation under every strategy', () => {
    expect(rows.map(([name]) => name)).toEqual(Object.keys(situations))
    expect(header!.slice(1)).toEqual(Object.keys(columns))
  })

  test.each(rows.map(cells => [cells[0]!, cells.slice(1)] as const))('%s', async (name, expected) => {
    const [base, mine, theirs, more] = situations[name]!
    const cases = Object.values(columns).map(([rule, remote]) => meeting(rule, base, mine, theirs, { ...more }, remote))
    const judgements = await createResolver().judge(cases)
    expect(judgements.map(cell)).toEqual(expected)
  })

  function cell({ verdict, loses }: Judgement): string {
    return loses === 'nothing' ? verdict.take : `${verdict.take} -${loses}`
  }
})

describe('a merged record', () => {
  test('has the place of one side and the content of the other', async () => {
    const mine = { ...file, parent: 'mine' }
    const theirs = { ...file, sha256: 'bb', size: 2 }
    expect(await result(meeting('MANUAL', file, mine, theirs, tree))).toEqual({ ...theirs, parent: 'mine' })
  })

  test('takes the clash from the winner and the rest from whoever changed it', async () => {
    const mine = { ...file, name: 'b', sha256: 'bb', size: 2 }
    const theirs = { ...file, sha256: 'cc', size: 3 }
    expect(await result(meeting('SERVER_WINS', file, mine, theirs, tree))).toEqual({ ...theirs, name: 'b' })
  })

  test('keeps fields that no facet names together', async () => {
    const one = { ...file, kind: 'file', share: 's1' }
    const judged = meeting('SERVER_WINS', one, { ...one, kind: 'link' }, { ...one, share: 's2' }, tree)
    expect(await result(judged)).toEqual({ ...one, share: 's2' })
  })

  test('drops a field that one side dropped', async () => {
    const { text: _, ...dropped } = note
    expect(await result(meeting('MERGE', note, dropped, { ...note, title: 'Mate' }))).toEqual({
      title: 'Mate',
      tags: ['hot'],
    })
  })

  test('has each field by its own rule', async () => {
    const rule: Rule = { fields: { title: 'CLIENT_WINS', text: 'SERVER_WINS' }, otherwise: 'UNION', onDelete: 'MANUAL' }
    const mine = { title: 'Mine', text: 'Mine', tags: ['mine'] }
    const theirs = { title: 'Theirs', text: 'Theirs', tags: ['theirs'] }
    const one = meeting(rule, note, mine, theirs)
    expect(await result(one)).toEqual({ title: 'Mine', text: 'Theirs', tags: ['mine', 'theirs'] })
  })

  test('keeps a field named __proto__ a field', async () => {
    const odd = (proto: Field, text: string): Value =>
      JSON.parse(`{"__proto__":${JSON.stringify(proto)},"text":"${text}"}`)
    const merged = await result(meeting('MERGE', odd(['was'], 'was'), odd({ mine: 1 }, 'was'), odd(['was'], 'theirs')))
    expect(merged).toEqual(odd({ mine: 1 }, 'theirs'))
    expect(Object.keys(merged!)).toContain('__proto__')
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
  })

  test('follows the rule of a facet also where the field which has that rule is gone', async () => {
    const rule: Rule = { fields: { tags: 'UNION' }, otherwise: 'SERVER_WINS', onDelete: 'MANUAL' }
    const one = meeting(rule, undefined, { links: ['a'] }, { links: ['b'] }, { facets: { lists: ['tags', 'links'] } })
    expect(await result(one)).toEqual({ links: ['a', 'b'] })
  })
})

describe('LAST_WRITER_WINS', () => {
  const at = (time: number, device = 'laptop') => ({ time, device })
  const rows: [string, Stamp, { at?: number | Stamp; origin?: string }, string][] = [
    ['the later time', at(200), { at: at(100) }, 'local'],
    ['the later time, of a remote that keeps no device', at(100), { at: 200 }, 'remote'],
    ['the remote at the same time, where it keeps no device', at(150), { at: 150 }, 'remote, uncertain'],
    ['the remote where it keeps no time', at(150), {}, 'remote, uncertain'],
    ['the later time, but says that the clocks cannot tell', at(110), { at: at(100) }, 'local, uncertain'],
    ['the greater device at the same time', at(150, 'b'), { at: at(150, 'a') }, 'local, uncertain'],
    ['the greater device at the same time, theirs', at(150, 'a'), { at: at(150, 'b') }, 'remote, uncertain'],
    ['the greater change of one device and time', at(150), { at: at(150), origin: 'c0' }, 'local, uncertain'],
    ['the greater change of one device and time, theirs', at(150), { at: at(150), origin: 'c2' }, 'remote, uncertain'],
    ['mine of one device and time where theirs names no change', at(150), { at: at(150) }, 'local, uncertain'],
  ]
  test.each(rows)('takes %s', async (_, localAt, remote, expected) => {
    for (const rule of ['LAST_WRITER_WINS', 'MERGE'] as const) {
      const one = meeting(rule, { text: 'was' }, { text: 'mine' }, { text: 'theirs' }, { uncertainty: 10 }, remote)
      const { at: _, ...timeless } = one.remote
      const timed: Case = { ...one, local: { ...one.local, at: localAt }, remote: { ...timeless, ...remote } }
      const { verdict, uncertain } = await judge(timed)
      expect(`${verdict.take}${uncertain ? ', uncertain' : ''}`).toBe(expected)
    }
  })

  test('is certain about what it need not decide', async () => {
    const one = meeting('LAST_WRITER_WINS', file, { ...file, name: 'b' }, { ...file, sha256: 'c' }, tree, { at: now })
    expect(await judge(one)).not.toHaveProperty('uncertain')
  })
})

describe('UNION', () => {
  const rows: [string, Field | undefined, Field | undefined, Field | undefined, Field | undefined, string?][] = [
    ['what either side added stays', ['a'], ['a', 'mine'], ['theirs', 'a'], ['a', 'mine', 'theirs']],
    ['what one side removed goes', ['a', 'b', 'c'], ['b', 'c'], ['a', 'b'], ['b']],
    ['removed here, added there', ['a'], [], ['a', 'b'], ['b']],
    ['both added the same', [], ['x', 'mine'], ['theirs', 'x'], ['mine', 'theirs', 'x']],
    ['no list before', undefined, ['b'], ['a'], ['a', 'b']],
    ['a list in place of a text', 'was', ['b'], ['a'], ['a', 'b']],
    ['1 and 1n and "1" are three things', [], [1, '1'], [1n], ['1', 1, 1n]],
    ['equal objects are one thing', [], [{ x: 1, y: 2 }, 4], [{ y: 2, x: 1 }, 3], [3, 4, { x: 1, y: 2 }]],
    ['all of it is there: its order stays', ['a'], ['a', 'b'], ['c', 'a', 'b'], ['c', 'a', 'b']],
    ['twice there: a set again', [], ['a'], ['a', 'b', 'b'], ['a', 'b']],
    ['no lists: the later', 'was', 'mine', 'theirs', 'theirs', 'local'],
    ['a list here only: the later', ['a'], ['a', 'b'], 'theirs', 'theirs', 'local'],
    ['a list dropped there: the later', ['a'], ['a', 'b'], undefined, undefined, 'local'],
    ['objects by key', { was: 1 }, { was: 1, mine: 1 }, { theirs: 1 }, { mine: 1, theirs: 1 }],
    ['objects, same key: the later', { a: 1 }, { a: 2, mine: 1 }, { a: 3 }, { a: 3, mine: 1 }, 'parts'],
  ]
  test.each(rows)('%s', async (_, base, mine, theirs, expected, loses = 'nothing') => {
    const rule: Rule = { fields: { it: 'UNION' }, otherwise: 'SERVER_WINS', onDelete: 'MANUAL' }
    const value = (it: Field | undefined): Value => (it === undefined ? {} : { it })
    const one = meeting(rule, value(base), value(mine), value(theirs), {}, { at: later })
    expect(await result(one)).toEqual(value(expected))
    expect((await judge(one)).loses).toBe(loses)
  })
})

test('I12: two devices with other bases do not send one set back and forth in two orders', async () => {
  const rule: Rule = { fields: { it: 'UNION' }, otherwise: 'SERVER_WINS', onDelete: 'MANUAL' }
  let there: Value = { it: ['a', 'b', 'c'] }
  let writes = 0
  for (let round = 0; round < 4; round++) {
    for (const [base, mine] of [
      [['a'], ['a', 'b', 'c']],
      [
        ['a', 'c'],
        ['a', 'c', 'b'],
      ],
    ]) {
      const merged = (await result(meeting(rule, { it: base! }, { it: mine! }, there, {}, { at: later }))) as Value
      if (!sameValue(merged, there)) writes++
      there = merged
    }
  }
  expect(writes).toBeLessThan(2)
})

test('UNION says when it had to decide by time and cannot know', async () => {
  const rule: Rule = { fields: {}, otherwise: 'UNION', onDelete: 'MANUAL' }
  const meet = (mine: Field, theirs: Field) => meeting(rule, {}, { it: mine }, { it: theirs }, {}, { at: 60_500 })
  expect(await judge(meet({ a: 1 }, { a: 2 }))).toMatchObject({ uncertain: true })
  expect(await judge(meet({ a: 1 }, { b: 2 }))).not.toHaveProperty('uncertain')
  expect(await judge(meet(['a'], ['b']))).not.toHaveProperty('uncertain')
})

describe('a rule of the app', () => {
  const clash = meeting({ fields: { text: 'MINE' }, otherwise: 'SERVER_WINS', onDelete: 'MANUAL' }, note, null, null)
  const one = {
    ...clash,
    local: { ...clash.local, value: { ...note, text: 'Black' } },
    remote: { ...clash.remote, value: { ...note, text: 'White', title: 'Mate' } },
  }
  const judgeWith = async (MINE: MergeField) => (await createResolver({ strategies: { MINE } }).judge([one]))[0]

  test('gets the three fields and when they were written', async () => {
    const seen: unknown[] = []
    await judgeWith((...all) => {
      seen.push(all)
      return 'ask'
    })
    const { local, remote, uncertainty } = one
    const when = { localAt: local.at, remoteAt: remote.at, change: 'c1', origin: undefined, version: 2, uncertainty }
    expect(seen).toEqual([['Green', 'Black', 'White', when]])
  })

  test('settles its field: a mixture loses nothing', async () => {
    const judgement = await judgeWith((_base, mine, theirs) => ({ field: `${mine} & ${theirs}` }))
    const value = { ...note, text: 'Black & White', title: 'Mate' }
    expect(judgement).toEqual({ verdict: { take: 'merged', value }, loses: 'nothing' })
  })

  test.each<[string, Field | undefined]>([
    ['one side', 'Black'],
    ['the old field', 'Green'],
    ['no field', undefined],
  ])('that answers %s has dropped the rest', async (_, field) => {
    expect((await judgeWith(() => ({ field })))!.loses).toBe('parts')
    expect((await judgeWith(() => ({ field, loses: false })))!.loses).toBe('nothing')
  })

  test('that took the remote field lost the local one', async () => {
    expect(await judgeWith(() => ({ field: 'White' }))).toEqual({ verdict: { take: 'remote' }, loses: 'local' })
  })

  const failures: [string, () => unknown, string][] = [
    ['asks', () => 'ask', 'The rule "MINE" leaves "text" to you.'],
    ['throws', () => JSON.parse('{'), 'The rule "MINE" failed on "text": '],
    ['throws a text', throwing('not today'), 'The rule "MINE" failed on "text": not today'],
    ['throws an object', throwing(Object.create(null)), 'on "text": it threw something that is no Error.'],
    ['answers nothing', () => undefined, 'it answered neither'],
    ['answers later', () => Promise.resolve({ field: 1 }), 'it answered neither'],
    ['answers a Date', () => ({ field: new Date(0) }), 'it answered neither'],
    ['answers NaN inside a list', () => ({ field: [Number.NaN] }), 'it answered neither'],
    [
      'never ends',
      () =>
        (function endless(): number {
          return endless() + 1
        })(),
      'The rule "MINE" failed on "text": ',
    ],
  ]
  test.each(failures)('that %s leaves the record to the user, with the reason', async (_, answer, reason) => {
    const judgement = await judgeWith(answer as MergeField)
    expect(judgement).toEqual({ verdict: { take: 'ask' }, loses: 'nothing', reason: expect.stringContaining(reason) })
  })

  test('cannot take the name of a built-in one', () => {
    const rule: MergeField = (_base, mine) => ({ field: mine })
    for (const name of ['UNION', 'LAST_WRITER_WINS', 'MANUAL']) {
      expect(() => createResolver({ strategies: { [name]: rule } })).toThrow(`"${name}" is built in`)
    }
  })

  test('that is not registered here leaves the record to the user', async () => {
    const [judgement] = await createResolver().judge([one])
    expect(judgement!.reason).toBe('The rule "MINE" for "text" is not known here.')
  })
})

describe('a rule is checked', () => {
  const rules: [string, unknown, string?][] = [
    ['a strategy', 'KEEP_BOTH'],
    ['rules for fields', { fields: { tags: 'UNION', body: 'YJS' }, otherwise: 'CLIENT_WINS', onDelete: 'MANUAL' }],
    ['an unknown strategy', 'NEWEST', 'There is no strategy named "NEWEST": use LAST_WRITER_WINS, KEEP_BOTH,'],
    ['a field rule for records', 'UNION', 'There is no strategy named "UNION"'],
    ['a name from Object', 'toString', 'There is no strategy named "toString"'],
    ['nothing', undefined, 'There is no strategy named "undefined"'],
    [
      'an unknown field rule',
      { fields: { body: 'TEXT' }, otherwise: 'YJS', onDelete: 'MANUAL' },
      'the field "body" named "TEXT": use LAST_WRITER_WINS, SERVER_WINS, CLIENT_WINS, UNION, YJS.',
    ],
    [
      'an unknown rule for the others',
      { fields: {}, otherwise: 'MERGE', onDelete: 'MANUAL' },
      'the other fields named "MERGE"',
    ],
    ['no fields', { otherwise: 'UNION' }, 'strategy on delete named "undefined"'],
    ['MERGE on delete', { fields: {}, otherwise: 'UNION', onDelete: 'MERGE' }, 'strategy on delete named "MERGE"'],
  ]
  test.each(rules)('%s', (_, rule, refusal) => {
    const check = () => knownRule(rule as Rule, ['YJS'])
    if (refusal === undefined) return check()
    expect(check).toThrow(refusal)
    expect(check).toThrow(SyncError)
    expect(check).toThrow(expect.objectContaining({ code: 'schema-mismatch' }))
  })

  test('and a field rule that slipped through asks the user too, whatever its name', async () => {
    for (const name of ['TEXT', 'constructor', '__proto__']) {
      const rule: Rule = { fields: {}, otherwise: name, onDelete: 'MANUAL' }
      const { reason } = await judge(meeting(rule, note, { ...note, text: 'a' }, { ...note, text: 'b' }))
      expect(reason).toBe(`The rule "${name}" for "text" is not known here.`)
    }
  })

  test('and one that slipped through asks the user', async () => {
    const judgement = await judge(meeting('NEWEST' as Rule, note, { ...note, text: 'a' }, { ...note, text: 'b' }))
    expect(judgement).toMatchObject({ verdict: { take: 'ask' }, reason: expect.stringContaining('"NEWEST"') })
  })
})

// ---- makers

function throwing(what: unknown): () => never {
  return () => {
    throw what
  }
}

/** One record that met: the last common value (undefined: none), mine at 60,000, theirs. */
function meeting(
  rule: Rule,
  common: Value | null | undefined,
  mine: Value | null,
  theirs: Value | null,
  more: Partial<Case> = {},
  remote: Partial<Case['remote']> = { at: earlier },
): Case {
  const key = { collection: 'notes', id: 'n1' }
  const base = common === undefined ? null : { value: common, version: 1 }
  return {
    ...key,
    rule,
    base,
    local: { ...key, change: 'c1', value: mine, base, at: now },
    remote: { ...key, value: theirs, version: 2, ...remote },
    copies: true,
    uncertainty: 1_000,
    ...more,
  }
}

async function judge(one: Case): Promise<Judgement> {
  return (await createResolver().judge([one]))[0]!
}

async function result(one: Case): Promise<Value | null> {
  const { verdict } = await judge(one)
  if (verdict.take === 'merged') return verdict.value
  return verdict.take === 'local' ? one.local.value : one.remote.value
}
