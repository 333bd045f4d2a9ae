/** The breaks themselves. `find` must be in `file` exactly once. */
export interface Mutant {
  readonly name: string
  readonly expect: readonly string[]
  readonly patches: readonly { readonly file: string; readonly find: string; readonly replace: string }[]
  /** Arguments of the run that make the break likely to matter. */
  readonly args?: readonly string[]
}

const one = (file: string, find: string, replace: string) => [{ file, find, replace }]

export const list: readonly Mutant[] = [
  {
    name: 'acknowledged by key: a sent change takes edits',
    expect: ['I1', 'I3', 'I4'],
    patches: [
      {
        file: 'src/ledger/edit.ts',
        find: "if (last.sealed || last.state === 'sent') {",
        replace: "if (last.sealed && last.state === 'asked') {",
      },
      {
        file: 'src/ledger/edit.ts',
        find: "if (last.state === 'waiting') {",
        replace: "if (last.state === 'waiting' || last.state === 'sent') {",
      },
    ],
  },
  {
    name: 'the base is read when it is sent',
    expect: ['I5', 'I1'],
    patches: one('src/engine/reconcile.ts', "return 'conflict'", "return 'adopt'"),
  },
  {
    name: 'cursor before rows',
    expect: ['I2', 'I3', 'I1', 'I5'],
    patches: [
      {
        file: 'src/engine/land.ts',
        find: 'const kept = await withVerdicts(',
        replace:
          'await fenced(on, async (tx, point) => putCheckpoint(tx, on.remote, { ...point, cursor: page.cursor }))\n  const kept = await withVerdicts(',
      },
      {
        file: 'src/engine/land.ts',
        find: 'if (!equal(stored.cursor, from)) {',
        replace: 'if (!equal(from, from)) {',
      },
    ],
  },
  {
    name: 'what comes while sending is passed over',
    expect: ['I3', 'I5', 'I12', 'I1'],
    patches: one(
      'src/engine/meet.ts',
      'never passed over (I3).\n    replaceRow(entry, head, { ...head, seen: behind(head, remote) })',
      'never passed over (I3).\n',
    ),
  },
  {
    name: 'own effect not known again',
    expect: ['I4', 'I1', 'I5', 'I3'],
    patches: one(
      'src/engine/meet.ts',
      'const own = await ownEffect(draft, remote.origin)',
      'const own = false as unknown as Own | undefined',
    ),
  },
  {
    name: 'silent loser',
    expect: ['I5', 'I1'],
    patches: one(
      'src/ledger/settle.ts',
      "if (dropped !== 'nothing' || row.asks !== undefined) draft.note(record)",
      'if (row.asks !== undefined) draft.note(record)',
    ),
  },
  {
    name: 'sweep of what was just seen',
    expect: ['I3', 'I1', 'I10'],
    patches: one(
      'src/engine/land.ts',
      'generation >= checkpoint.generation) continue',
      'generation > checkpoint.generation) continue',
    ),
  },
  {
    name: 'nothing is marked as sent',
    expect: ['I1', 'I4', 'I3', 'I12', 'I17'],
    patches: one('src/engine/push.ts', 'replaceRow(entry, row, sealed)', 'void sealed'),
  },
  {
    name: 'successor lost with its predecessor',
    expect: ['I1', 'I3'],
    patches: one(
      'src/ledger/settle.ts',
      'entry.rows = [{ ...next, value, base: { value: result.value, version: result.version } }]',
      'entry.rows = []',
    ),
  },
  {
    name: 'folding keeps the older value',
    expect: ['I1', 'I3', 'I5'],
    patches: one(
      'src/ledger/waiting.ts',
      'const one = renewed(draft, head, {\n    value: next.value,',
      'const one = renewed(draft, head, {\n    value: head.value,',
    ),
  },
  {
    name: 'no copy is kept',
    expect: ['I5', 'I1'],
    patches: one(
      'src/ledger/settle.ts',
      'if (copy.value === undefined) await begin(',
      'if (copy.value === null) await begin(',
    ),
    args: ['--strategy', 'KEEP_BOTH'],
  },
  {
    name: 'the earlier writer wins',
    expect: ['I5'],
    patches: one(
      'src/strategies/last-writer-wins.ts',
      "ahead > 0 ? 'local' : 'remote', uncertain }\n  if (typeof",
      "ahead < 0 ? 'local' : 'remote', uncertain }\n  if (typeof",
    ),
    args: ['--strategy', 'LAST_WRITER_WINS'],
  },
  {
    name: 'no fence',
    expect: ['I17', 'I14', 'I3', 'I1'],
    patches: one('src/engine/ground.ts', 'if (leader?.epoch !== on.epoch) {', 'if (leader === undefined) {'),
    args: ['--tabs', '2'],
  },
  {
    name: 'status forgets what waits',
    expect: ['I13'],
    patches: [
      { file: 'src/client/status.ts', find: ' || moves) return', replace: ') return' },
      { file: 'src/client/status.ts', find: "if (pending > 0) return 'syncing'", replace: '' },
    ],
  },
  {
    name: 'start over without a walk',
    expect: ['I3', 'I1', 'I5'],
    patches: one(
      'src/transports/files/pull.ts',
      "{ phase: 'walk', at: head.cursor }",
      "{ phase: 'log', at: head.cursor }",
    ),
    args: ['--remote', 'files'],
  },
  {
    name: 'blind retry',
    expect: ['I4', 'I1', 'I5', 'I3'],
    patches: [
      {
        file: 'src/engine/push.ts',
        find: 'else if (row.after !== undefined && row.after >= checkpoint.pulls) waits.push(row)',
        replace: '',
      },
      {
        file: 'src/engine/push.ts',
        find: "if (meeting.guard !== 'key' && row.sealed && row.seen !== undefined) {",
        replace: 'if (row.seen === row && row.seen !== undefined) {',
      },
      {
        file: 'src/engine/push.ts',
        find: "const mayArrive = on.transport.push?.guard === 'none' && row.taken === undefined",
        replace: 'const mayArrive = false',
      },
    ],
    args: ['--remote', 'open-box'],
  },
  {
    name: 'sweep of what was never pushed',
    expect: ['I1', 'I3', 'I12'],
    patches: [
      {
        file: 'src/engine/land.ts',
        find: 'if (generation === 0 || generation >= checkpoint.generation) continue',
        replace:
          'if (generation === 0) meeting.draft.forget(entry)\n      if (generation === 0 || generation >= checkpoint.generation) continue',
      },
    ],
  },
  {
    name: 'late send by a thawed leader',
    expect: ['I17'],
    patches: one('src/engine/io.ts', "if (method !== 'GET' && method !== 'HEAD' && !unfenced) await mayAct()", ''),
    args: ['--tabs', '2'],
  },
  {
    name: 'an old answer about who leads counts',
    expect: ['I17'],
    patches: one('src/engine/io.ts', 'if (platform.monotonic() - asked > patience) await mayAct()', ''),
    args: ['--tabs', '2'],
  },
  {
    name: 'a row is passed over',
    expect: ['I2'],
    patches: one(
      'src/engine/land.ts',
      'await meetAll(on, meeting, checkpoint, page.records, waiting)',
      'await meetAll(on, meeting, checkpoint, page.snapshot ? page.records : page.records.slice(1), waiting)',
    ),
  },
  {
    name: 'the mirror of the cursor is told before the page is stored',
    expect: ['I2s'],
    patches: one(
      'src/engine/pull.ts',
      'landing = land(on, page, from, tally)',
      'await transport.pull.landed?.(page.cursor, ioFor(on, { signal }))\n      landing = land(on, page, from, tally)',
    ),
    args: ['--remote', 'files'],
  },
  {
    name: 'what an empty store lacks is deleted',
    expect: ['I10'],
    patches: one(
      'src/engine/meet.ts',
      'else takeOver(on, home, entry, remote)',
      'else if (on.snapshot && entry.value === undefined) {\n      const at = { time: draft.now, device: home.device.id }\n      await begin(draft, home.remote, entry, { value: null, base: remote, at })\n    } else takeOver(on, home, entry, remote)',
    ),
  },
  {
    name: 'a successor does not wait',
    expect: ['I8', 'I4', 'I5', 'I3', 'I12'],
    patches: one(
      'src/engine/push.ts',
      'if (row.base === undefined) {\n        behind.push(row)\n        continue\n      }',
      '',
    ),
  },
  {
    name: 'what goes into a folder goes before it',
    expect: ['I8'],
    patches: one(
      'src/engine/arrange.ts',
      'if (first !== undefined && first.value !== null) return visit(first)',
      'if (first !== undefined && first.value !== null) return true',
    ),
    args: ['--remote', 'files', '--tree', 'true'],
  },
  {
    name: 'a question stops everything',
    expect: ['I3', 'I16', 'I12'],
    patches: one(
      'src/engine/push.ts',
      'if (checkpoint.paused) return { changes: [], deadline }',
      "const questions = await tx.rows('queue').count({ prefix: [on.remote, 'stop'] })\n    if (checkpoint.paused || questions > 0) return { changes: [], deadline }",
    ),
    args: ['--strategy', 'MANUAL'],
  },
  {
    name: 'a delete is tried only once',
    expect: ['I1'],
    patches: [
      {
        file: 'src/engine/push.ts',
        find: "import { changeOf } from '../ledger/settle.ts'",
        replace: "import { adopt, changeOf } from '../ledger/settle.ts'",
      },
      {
        file: 'src/engine/push.ts',
        find: '      const { refused: _, notBefore: _1, reason: _2, ...rest } = row\n',
        replace:
          '      if (row.value === null && row.tries > 0 && row.base != null) {\n        entry.rows = []\n        adopt(homeIn(place, checkpoint), entry, row.base)\n        continue\n      }\n      const { refused: _, notBefore: _1, reason: _2, ...rest } = row\n',
      },
    ],
    args: ['--remote', 'files', '--tree', 'false'],
  },
  {
    name: 'the cursors of two sets are stored one by one',
    expect: ['I2m'],
    patches: one(
      'src/transports/cdf-instances/pull.ts',
      'cursors: answer.cursors,\n',
      'cursors: before && quiet === 0 ? { ...answer.cursors, links: before.cursors.links! } : answer.cursors,\n',
    ),
    args: ['--remote', 'cdf-instances', '--plant', 'links'],
  },
  {
    name: 'an expired cursor is an empty page',
    expect: ['I12', 'I3', 'I31'],
    patches: one(
      'src/transports/cdf-instances/pull.ts',
      'if (!expired || !config.acceptMissedDeletes) throw error',
      'if (!expired || place === undefined) throw error\n      const items = Object.fromEntries(config.sets.map(({ name }) => [name, []]))\n      if (!config.acceptMissedDeletes)\n        return { answer: { items, cursors: place.cursors, notices: [], now: place.since }, missed: false }',
    ),
    args: ['--remote', 'cdf-instances', '--stress', 'compact'],
  },
  {
    name: 'a place that is too old is good enough',
    expect: ['I30', 'I3'],
    patches: one('src/transports/shared/cdf/time.ts', 'OLDEST = 60 * HOUR', 'OLDEST = 6000 * HOUR'),
    args: ['--remote', 'cdf-records', '--stress', 'compact'],
  },
  {
    name: 'a place is given up for nothing',
    expect: ['I11'],
    patches: one('src/transports/shared/cdf/time.ts', 'OLDEST = 60 * HOUR', 'OLDEST = -1'),
    args: ['--remote', 'cdf-instances', '--plant', 'links'],
  },
  {
    name: 'missed deletes are accepted unasked',
    expect: ['I11x'],
    patches: one(
      'src/transports/cdf-instances/pull.ts',
      'if (!expired || !config.acceptMissedDeletes) throw error',
      'if (!expired) throw error',
    ),
    args: ['--remote', 'cdf-instances', '--stress', 'compact'],
  },
  {
    name: 'missed deletes are kept to oneself',
    expect: ['I11x', 'I3'],
    patches: one('src/engine/land.ts', '...(page.missesDeletes && { missesDeletes: true }),', ''),
    args: ['--remote', 'cdf-instances', '--plant', 'accepts', '--stress', 'compact'],
  },
  {
    name: 'a tombstone is an instance like any other',
    expect: ['I3', 'I4', 'I1'],
    patches: one(
      'src/transports/cdf-instances/wire.ts',
      'value: deleted ? null : fieldsOf(item, set)',
      'value: fieldsOf(item, set)',
    ),
    args: ['--remote', 'cdf-instances'],
  },
  {
    name: 'what was sent before is forgotten',
    expect: ['I4', 'I5', 'I1'],
    patches: one('src/ledger/waiting.ts', '...(head.sealed && { sent: head.value }),', ''),
    args: ['--remote', 'cdf-records'],
  },
  {
    name: 'nobody gives way',
    expect: ['I12'],
    patches: one(
      'src/engine/doubt.ts',
      "on.guard === 'none' && head.taken !== undefined",
      "on.guard === 'key' && head.taken !== undefined",
    ),
    args: ['--remote', 'cdf-records', '--strategy', 'CLIENT_WINS'],
  },
  {
    name: 'events of one name share a request',
    expect: ['I1', 'I3'],
    patches: one(
      'src/transports/cdf-records/push.ts',
      'bytes + one.bytes > BYTES || names.has(keyOf(one.identity))',
      'bytes + one.bytes > BYTES',
    ),
    args: ['--remote', 'cdf-events'],
  },
  {
    name: 'a failed event was there already',
    expect: ['I1', 'I3', 'I16', 'I12'],
    patches: one('src/transports/cdf-records/push.ts', "verb === 'create' && !config.immutable", "verb === 'create'"),
    args: ['--remote', 'cdf-events'],
  },
  {
    name: 'a run is asked for again without a look',
    expect: ['I32'],
    patches: one(
      'src/engine/jobs.ts',
      'const { id, unsure, ended } = await jobs.find(row.request, asked, io())',
      'const { id, unsure, ended } = {} as Awaited<ReturnType<Jobs["find"]>>',
    ),
    args: ['--remote', 'airweave'],
  },
  {
    name: 'a run is asked for without a mark',
    expect: ['I32'],
    patches: one(
      'src/engine/jobs.ts',
      '(now.cancel === undefined ? { ...now, asked } : undefined)',
      '(now.cancel === undefined ? now : undefined)',
    ),
    args: ['--remote', 'airweave'],
  },
  {
    name: 'two requests in doubt at once',
    expect: ['I32', 'I33'],
    patches: one(
      'src/engine/jobs.ts',
      'if (job !== undefined || asked !== undefined || cancel !== undefined) return false',
      'if (job !== request) return false',
    ),
    args: ['--remote', 'airweave'],
  },
  {
    name: 'whatever was found is what was asked for',
    expect: ['I33'],
    patches: one('src/engine/jobs.ts', 'good && unsure !== undefined', 'good && unsure === null'),
    args: ['--remote', 'airweave'],
  },
  {
    name: 'a time to come back is not kept by jobs',
    expect: ['I14'],
    patches: one('src/engine/jobs.ts', 'if (notBefore !== undefined) allowed =', 'if (notBefore === null) allowed ='),
    args: ['--remote', 'airweave'],
  },
  {
    name: 'what the server says of the end is believed',
    expect: ['I33'],
    patches: one(
      'src/transports/cognee/runs.ts',
      'if (lacking + more === 0) return',
      'if (lacking + more >= 0) return',
    ),
    args: ['--remote', 'cognee'],
  },
  {
    name: 'a run that is not seen is over',
    expect: ['I33', 'I32'],
    patches: one(
      'src/transports/cognee/runs.ts',
      'if (run?.id !== id) return verified',
      'if (run?.id !== null) return verified',
    ),
    args: ['--remote', 'cognee'],
  },
  {
    name: 'an upload is no change yet',
    expect: ['I1'],
    patches: one('src/transports/cognee/push.ts', '      shows: true,\n', ''),
    args: ['--remote', 'cognee'],
  },
  {
    name: 'a page of the network is a document',
    expect: ['I3', 'I1'],
    patches: one('src/transports/cognee/api.ts', 'html: /html/i.test(mime),', 'html: mime !== null,'),
    args: ['--remote', 'cognee'],
  },
  {
    name: 'what the server settled is not told',
    expect: ['I5', 'I1'],
    patches: one(
      'src/engine/settled.ts',
      '  draft.note(noted(draft, home, record, open, theirs, { verdict, loses, by, ...more }))\n',
      '',
    ),
    args: ['--remote', 'files', '--tree', 'true', '--settled', 'server', '--strategy', 'CLIENT_WINS', '--ops', '50'],
  },
  {
    name: 'no sweep after a walk',
    expect: ['I3', 'I11'],
    patches: one(
      'src/engine/land.ts',
      'of page.complete ?? []) await sweep',
      'of [] as { source: string }[]) await sweep',
    ),
    args: ['--remote', 'box', '--ops', '60', '--stress', 'compact,offline'],
  },
  {
    name: 'a delete that did not hold is not told',
    expect: ['I5', 'I1'],
    patches: one('src/engine/doubt.ts', '(meta.deleted ?? 0) > on.draft.now', '(meta.deleted ?? 0) > Infinity'),
    args: ['--remote', 'cdf-records', '--ops', '60', '--stress', 'late,offline'],
  },
]
