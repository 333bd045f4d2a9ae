/** What every strategy promises, whatever the records. A failure prints the seed and the smallest case found. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equal, sameValue } from '../../src/equal.ts'
import type { Base, Field, Json, Rule, Stamp, Value } from '../../src/model.ts'
import type { Case, Judgement, MergeField } from '../../src/resolver.ts'
import { createResolver } from '../../src/strategies/index.ts'

fc.configureGlobal({ numRuns: 2000 })

// ---- records that meet often: few names, few fields, and the odd ones among them

const names = ['title', 'text', 'tags', '__proto__', 'constructor']
const places = ['title', 'text']

const scalar: fc.Arbitrary<Json> = fc.constantFrom<Json[]>(null, true, 0, -0, 1, 1n, 2n ** 60n, '', 'x', '1', '\ud800')
const list = fc.array(fc.constantFrom<Json[]>('x', 'y', 1, 1n, 0, -0), { maxLength: 3 })
const map = fc.uniqueArray(fc.tuple(fc.constantFrom('x', 'y', '__proto__'), scalar), { selector: ([key]) => key })
const field: fc.Arbitrary<Field> = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 4, arbitrary: list },
  { weight: 2, arbitrary: map.map(entries => Object.fromEntries(entries)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 2 }) },
  { weight: 1, arbitrary: fc.array(list, { maxLength: 2 }) },
)
const value: fc.Arbitrary<Value> = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...names), field), { selector: ([name]) => name })
  .map(entries => Object.fromEntries(entries))

/** One side: untouched, gone, patched, or something new altogether. */
function sideOf(base: Value | null): fc.Arbitrary<Value | null> {
  const patch = fc.tuple(fc.constantFrom(...names), fc.option(field, { nil: undefined }))
  return fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(base, null) },
    { weight: 1, arbitrary: value },
    {
      weight: 4,
      arbitrary: fc.array(patch, { minLength: 1, maxLength: 3 }).map(patches => {
        const fields = new Map(Object.entries(base ?? {}))
        for (const [name, to] of patches) to === undefined ? fields.delete(name) : fields.set(name, to)
        return Object.fromEntries(fields)
      }),
    },
  )
}

const sides = fc
  .option(fc.option(value, { freq: 9 }), { freq: 9, nil: undefined })
  .chain(base => fc.tuple(fc.constant(base), sideOf(base ?? null), sideOf(base ?? null)))
  .filter(([, local, remote]) => local !== null || remote !== null)

const facets = fc.constantFrom<(Case['facets'] | undefined)[]>(
  undefined,
  { place: places, tags: ['tags'] },
  { place: places, again: ['text', '__proto__'] },
  { none: ['absent'] },
  Object.fromEntries([['__proto__', ['title', '__proto__']]]),
)
const time = fc.integer({ min: 1000, max: 1004 })
const stamp: fc.Arbitrary<Stamp> = fc.record({ time, device: fc.constantFrom('laptop', 'phone') })
const anyTime = fc.oneof({ weight: 3, arbitrary: stamp }, { weight: 1, arbitrary: fc.option(time, { nil: undefined }) })

function cases(rules: fc.Arbitrary<Rule>, remoteTimes: fc.Arbitrary<Stamp | number | undefined> = anyTime) {
  return fc
    .record({
      rule: rules,
      sides,
      facets,
      doubles: fc.option(fc.subarray(['place', 'tags', 'again', 'none', '__proto__']), { nil: undefined }),
      copies: fc.boolean(),
      uncertainty: fc.integer({ min: 0, max: 2 }),
      localAt: stamp,
      remoteAt: remoteTimes,
      changes: fc.constantFrom(['c1', 'c2'], ['c2', 'c1']),
    })
    .map((made): Case => {
      const key = { collection: 'notes', id: 'n1' }
      const [was, local, remote] = made.sides
      const base: Base | null = was === undefined ? null : { value: was, version: 1 }
      return {
        ...key,
        rule: made.rule,
        base,
        local: { ...key, change: made.changes[0]!, value: local, base, at: made.localAt },
        remote: {
          ...key,
          value: remote,
          version: 2,
          origin: made.changes[1]!,
          ...(made.remoteAt !== undefined && { at: made.remoteAt }),
        },
        ...(made.facets && { facets: made.facets }),
        ...(made.doubles && { doubles: made.doubles }),
        copies: made.copies,
        uncertainty: made.uncertainty,
      }
    })
}

// ---- rules

const strategies = ['LAST_WRITER_WINS', 'KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'MANUAL', 'MERGE'] as const
const strategy: fc.Arbitrary<Rule> = fc.constantFrom(...strategies)
const onDelete = fc.constantFrom(...strategies.filter(name => name !== 'MERGE'))

function byField(...rules: string[]): fc.Arbitrary<Rule> {
  const rule = fc.constantFrom(...rules)
  const fields = fc
    .uniqueArray(fc.tuple(fc.constantFrom(...names), rule), { selector: ([name]) => name })
    .map(entries => Object.fromEntries(entries))
  return fc.record({ fields, otherwise: rule, onDelete })
}

const builtIn = fc.oneof(strategy, byField('LAST_WRITER_WINS', 'SERVER_WINS', 'CLIENT_WINS', 'UNION'))
const custom: { [name: string]: MergeField } = {
  THROWS: () => {
    throw new Error('no')
  },
  THROWS_NOTHING: () => {
    throw Object.create(null)
  },
  ASKS: () => 'ask',
  GARBAGE: () => JSON.parse('{"fields":1}'),
  FUNCTION: () => ({ field: (() => 1) as unknown as Field }),
  PROMISE: (() => Promise.resolve({ field: 1 })) as unknown as MergeField,
  DROPS: () => ({ field: undefined }),
}
const wild = fc.oneof(
  builtIn,
  byField('UNION', ...Object.keys(custom)),
  byField('UNKNOWN', '__proto__', 'constructor'),
  fc.constantFrom('UNKNOWN', '__proto__', 'toString', {}, null, { fields: {} }) as fc.Arbitrary<Rule>,
)

// ---- judging

const resolver = createResolver({ strategies: custom })

async function judge(one: Case): Promise<Judgement> {
  const [judgement] = await resolver.judge([one])
  return judgement!
}

/** The record under its id once the verdict is carried out; `undefined` while the user is asked. */
function outcome(one: Case, { verdict }: Judgement): Value | null | undefined {
  if (verdict.take === 'merged') return verdict.value
  if (verdict.take === 'ask') return undefined
  return verdict.take === 'local' ? one.local.value : one.remote.value
}

/** The same meeting, as the other device sees it. */
function mirrored(one: Case): Case {
  const { local, remote } = one
  return {
    ...one,
    local: { ...local, value: remote.value, change: remote.origin!, at: remote.at as Stamp },
    remote: { ...remote, value: local.value, origin: local.change, at: local.at },
  }
}

function own(value: Value | null | undefined, name: string): Field | undefined {
  return value && Object.hasOwn(value, name) ? value[name] : undefined
}

function frozen<T>(item: T): T {
  if (typeof item !== 'object' || item === null || item instanceof Uint8Array) return item
  for (const inner of Object.values(item)) frozen(inner)
  return Object.freeze(item)
}

function law(title: string, which: fc.Arbitrary<Case>, holds: (one: Case) => Promise<void>): void {
  test(title, () => fc.assert(fc.asyncProperty(which, holds)))
}

// ---- the laws

law('every case gets an answer, whatever the rule', cases(wild), async one => {
  const { verdict, loses } = await judge(one)
  expect(['local', 'remote', 'both', 'ask', 'merged']).toContain(verdict.take)
  expect(['local', 'remote', 'parts', 'nothing']).toContain(loses)
})

law('the same case gets the same answer, and is left as it was', cases(wild), async one => {
  const before = structuredClone(one)
  const judgement = await judge(frozen(one))
  expect(one).toEqual(before)
  expect(await judge(one)).toEqual(judgement)
  expect(await judge(structuredClone(before))).toEqual(judgement)
})

test('a page of cases is judged one by one and in order', () =>
  fc.assert(
    fc.asyncProperty(fc.array(cases(wild), { maxLength: 5 }), async page => {
      expect(await resolver.judge(page)).toEqual(await Promise.all(page.map(judge)))
    }),
  ))

const symmetric = fc.oneof(
  fc.constantFrom<Rule[]>('LAST_WRITER_WINS', 'MERGE'),
  byField('LAST_WRITER_WINS', 'UNION').map(
    rule => ({ ...(rule as object), onDelete: 'LAST_WRITER_WINS' }) as unknown as Rule,
  ),
)
law('two devices that judge the same meeting end with the same record', cases(symmetric, stamp), async one => {
  // KEEP_BOTH, and MERGE when a record is gone, favour the remote in what cannot be kept twice: no symmetry is claimed there.
  const { doubles, ...claimed } = one
  const mine = outcome(claimed, await judge(claimed))
  const theirs = outcome(mirrored(claimed), await judge(mirrored(claimed)))
  expect(mine).not.toBeUndefined()
  expect(sameValue(mine!, theirs!)).toBe(true)
})

const serverWins = fc.oneof(
  fc.constant<Rule>('SERVER_WINS'),
  byField('SERVER_WINS', 'UNION').map(rule => ({ ...(rule as object), onDelete: 'SERVER_WINS' }) as unknown as Rule),
)
law('SERVER_WINS on one device is CLIENT_WINS on the other', cases(serverWins, stamp), async one => {
  const clientWins = JSON.parse(JSON.stringify(one.rule).replaceAll('SERVER_WINS', 'CLIENT_WINS')) as Rule
  const other = { ...mirrored(one), rule: clientWins }
  const [here, there] = [await judge(one), await judge(other)]
  expect(sameValue(outcome(one, here)!, outcome(other, there)!)).toBe(true)
  const swapped = { local: 'remote', remote: 'local', parts: 'parts', nothing: 'nothing' } as const
  expect(there.loses).toBe(swapped[here.loses])
})

law('judging a result again changes nothing', cases(builtIn), async one => {
  const result = outcome(one, await judge(one))
  if (result === undefined) return
  const again = { ...one, local: { ...one.local, value: result } }
  expect(sameValue(outcome(again, await judge(again))!, result)).toBe(true)
  const rebased = { ...again, base: { value: one.remote.value, version: one.remote.version } }
  const judgement = await judge(rebased)
  expect(sameValue(outcome(rebased, judgement)!, result)).toBe(true)
  expect(judgement.loses).toBe('nothing')
})

law('nothing is invented: every field of a result is one of the three', cases(builtIn), async one => {
  const result = outcome(one, await judge(one))
  for (const [name, made] of Object.entries(result ?? {})) {
    const known = [one.base?.value, one.local.value, one.remote.value].map(side => own(side, name))
    expect(parts(made).every(part => known.some(from => equal(from, made) || has(from, part)))).toBe(true)
  }
})

law('a result has its own fields only, and every Object keeps its prototype', cases(builtIn), async one => {
  const { verdict } = await judge(one)
  if (verdict.take === 'merged') expect(Object.getPrototypeOf(verdict.value)).toBe(Object.prototype)
  expect(Object.keys(Object.prototype)).toEqual([])
})

law('the fields of a facet are never mixed', cases(fc.oneof(strategy, byField('LAST_WRITER_WINS'))), async one => {
  const result = outcome(one, await judge(one))
  if (!result || one.base?.value == null || !one.facets?.place) return
  const whole = [one.local.value, one.remote.value].some(side =>
    places.every(name => equal(own(side, name), own(result, name))),
  )
  expect(whole).toBe(true)
})

law('what was changed apart from each other is in the result, whoever wins', cases(builtIn), async one => {
  const { base, local, remote } = one
  const result = outcome(one, await judge(one))
  if (!base?.value || !local.value || !remote.value || !one.facets?.tags || !result) return
  const [was, mine, theirs] = [base.value, local.value, remote.value].map(side => own(side, 'tags'))
  const { verdict } = await judge(one)
  if (verdict.take === 'both') return // the local record is kept whole, as the copy
  if (equal(was, mine)) expect(equal(own(result, 'tags'), theirs)).toBe(true)
  else if (equal(was, theirs)) expect(equal(own(result, 'tags'), mine)).toBe(true)
})

law('where nothing is said to be lost, nothing is', cases(builtIn), async one => {
  const judgement = await judge(one)
  if (judgement.loses === 'nothing') expect(lost(one, judgement)).toEqual([])
})

const exact = fc.oneof(strategy, byField('LAST_WRITER_WINS', 'SERVER_WINS', 'CLIENT_WINS'))
law('what is said to be lost is', cases(exact), async one => {
  const judgement = await judge(one)
  const whose = lost(one, judgement, units(one))
  if (judgement.loses === 'local' || judgement.loses === 'remote') expect(whose).toEqual([judgement.loses])
  if (judgement.loses === 'parts') expect(whose.length).toBeGreaterThan(0)
})

law('a copy is only made where there can be one', cases(builtIn), async one => {
  if (!one.copies) expect((await judge(one)).verdict.take).not.toBe('both')
})

law(
  'LAST_WRITER_WINS takes the later and says when it cannot know',
  cases(fc.constant('LAST_WRITER_WINS')),
  async one => {
    const judgement = await judge(one)
    const remoteAt = typeof one.remote.at === 'object' ? one.remote.at.time : one.remote.at
    if (judgement.loses === 'nothing') {
      expect(judgement.uncertain).toBeUndefined()
      return
    }
    const ahead = remoteAt === undefined ? undefined : one.local.at.time - remoteAt
    expect(judgement.uncertain ?? false).toBe(ahead === undefined || Math.abs(ahead) <= one.uncertainty)
    if (!one.base?.value || !one.facets) {
      if (ahead === undefined || ahead < 0) expect(judgement.loses).toBe('local')
      if (ahead !== undefined && ahead > 0) expect(judgement.loses).toBe('remote')
      if (ahead === 0 && typeof one.remote.at === 'number') expect(judgement.loses).toBe('local')
    }
  },
)

law('MANUAL asks about every clash and nothing else does unasked', cases(strategy), async one => {
  const manual = await judge({ ...one, rule: 'MANUAL' })
  expect(manual.loses).toBe('nothing')
  const judgement = await judge(one)
  if (manual.verdict.take !== 'ask') expect(judgement).toEqual(manual)
  else if (one.rule !== 'MANUAL' && one.rule !== 'KEEP_BOTH') expect(judgement.verdict.take).not.toBe('ask')
})

// ---- what is lost, told without the code under test

/**
 * The sides of which a change is in neither the result nor a copy. An edit that outlives a delete loses nothing.
 * `names` itself stands for a record that is judged whole for want of a base: even an empty one was written.
 */
function lost(one: Case, judgement: Judgement, judgedAsOne = names.map(name => [name])): ('local' | 'remote')[] {
  if (judgement.verdict.take === 'ask' || judgement.verdict.take === 'both') return []
  const result = outcome(one, judgement) ?? null
  const was = one.base?.value ?? null
  return (['local', 'remote'] as const).filter(side => {
    const mine = one[side].value
    if (sameValue(mine, was)) return false
    if (mine === null) return result !== null && !keepsEdits(one.rule)
    if (result === null) return true
    return judgedAsOne.some(
      fields =>
        (fields === names || fields.some(name => !equal(own(was, name), own(mine, name)))) &&
        fields.some(name => !survives(own(was, name), own(mine, name), own(result, name), one.rule, fields)),
    )
  })
}

function keepsEdits(rule: Rule): boolean {
  return rule === 'KEEP_BOTH' || rule === 'MERGE' || (typeof rule === 'object' && rule.onDelete === 'KEEP_BOTH')
}

/** The fields that are judged as one. */
function units({ rule, base, facets }: Case): string[][] {
  const fieldByField = typeof rule === 'object' || rule === 'MERGE'
  if (!fieldByField && base?.value == null) return [names]
  const left = new Set(names)
  const declared = Object.values(facets ?? {}).map(fields => fields.filter(name => left.delete(name)))
  return [...declared, ...(fieldByField ? [...left].map(name => [name]) : [[...left]])]
}

/**
 * What one side made of a field is in the result: as it is, or, in a union, each thing that it added and nothing that
 * it removed. A field alone that this side did not touch has nothing to survive.
 */
function survives(
  was: Field | undefined,
  mine: Field | undefined,
  result: Field | undefined,
  rule: Rule,
  judgedAsOne: readonly string[],
): boolean {
  if (equal(mine, result) || (judgedAsOne.length === 1 && equal(was, mine))) return true
  if (typeof rule === 'string' || !JSON.stringify(rule).includes('UNION')) return false
  if (mine === undefined || result === undefined) return false
  const added = parts(mine).every(part => has(was, part) || has(result, part))
  const removed = Array.isArray(was) ? was.every(part => has(mine, part) || !has(result, part)) : true
  return added && removed
}

/** The items of a list, the fields of an object, or the field itself. */
function parts(whole: Field): readonly (Field | readonly [string, Field])[] {
  if (Array.isArray(whole)) return whole as readonly Json[]
  if (typeof whole !== 'object' || whole === null || whole instanceof Uint8Array) return [whole]
  return Object.entries(whole)
}

function has(whole: Field | undefined, part: Field | readonly [string, Field]): boolean {
  return whole !== undefined && parts(whole).some(each => equal(each as Field, part as Field))
}
