import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import type { Device } from '../../../src/model.ts'
import { mintable, mintId } from '../../../src/transports/files/ids.ts'
import { copyName, sameName } from '../../../src/transports/files/names.ts'
import { readShard, type Shard, shardOf, writeShard } from '../../../src/transports/files/shards.ts'
import { treeFault } from '../../../src/transports/files/sources.ts'
import { readChanges, readCursor } from '../../../src/transports/files/wire.ts'
import { parseJson } from '../../../src/transports/shared/json.ts'
import { waitOf } from '../../../src/transports/shared/retry-after.ts'
import { member, wellFormed } from '../../../src/transports/shared/shape.ts'
import { isoTime, parseHttpDate, parseTime } from '../../../src/transports/shared/time.ts'
import { tokens } from '../../../src/transports/shared/token.ts'
import { baseUrl, safeId, urlOf } from '../../../src/transports/shared/url.ts'

const code = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return error instanceof SyncError ? error.code : String(error)
  }
  return 'none'
}

describe('time', () => {
  test('is what Date says, both ways', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), date => {
        expect(isoTime(date.getTime())).toBe(date.toISOString())
        expect(parseTime(date.toISOString())).toBe(date.getTime())
        const seconds = Math.floor(date.getTime() / 1000) * 1000
        expect(parseHttpDate(date.toUTCString())).toBe(seconds)
      }),
    )
    expect(parseTime('2026-05-02T10:00:00+02:00')).toBe(Date.parse('2026-05-02T08:00:00Z'))
    for (const bad of ['', '2026-02-30T00:00:00Z', '2026-13-01T00:00:00Z', '2026-05-02', 'now']) {
      expect(parseTime(bad)).toBeUndefined()
    }
  })

  test.each([
    ['7', 7000],
    ['0', 0],
    ['1.5', 1500],
    ['3600', 300_000],
    ['1000000000', undefined],
    ['-5', undefined],
    ['soon', undefined],
    ['', undefined],
    [null, undefined],
    ['Sat, 02 May 2026 08:00:30 GMT', 30_000],
    ['Sat, 02 May 2026 07:00:00 GMT', undefined],
    ['Sat, 02 May 2036 07:00:00 GMT', undefined],
  ])('Retry-After %s is a wait of %s ms', (header, wait) => {
    expect(waitOf(header, Date.parse('2026-05-02T08:00:00Z'))).toBe(wait)
  })
})

describe('JSON from strangers', () => {
  test('is what JSON.parse says, with exact integers', () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 5 }).filter(it => !/\d{16}/.test(JSON.stringify(it))),
        value => {
          expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
        },
      ),
    )
    fc.assert(
      fc.property(fc.bigInt(), fc.string(), (big, text) => {
        const safe = big >= -9007199254740991n && big <= 9007199254740991n
        const parsed = parseJson(`{"a":[${big}],"t":${JSON.stringify(text)},"b":${big}}`)
        const value = safe ? Number(big) : big
        expect(parsed).toEqual({
          a: [value === 0 ? expect.anything() : value],
          t: text,
          b: value === 0 ? expect.anything() : value,
        })
      }),
    )
    const tricky = '{"s":"\\u0000bigint9007199254740993","n":9007199254740993,"q":"\\"9007199254740993"}'
    expect(parseJson(tricky)).toEqual({ s: '\0bigint9007199254740993', n: 9007199254740993n, q: '"9007199254740993' })
  })

  test('cut off anywhere is truncated or no JSON, and bounded before it recurses', () => {
    const whole = JSON.stringify({ changes: [{ id: 'a"\\', n: 12.5 }], cursor: null, more: true })
    for (let at = 1; at < whole.length; at++) expect(code(() => parseJson(whole.slice(0, at)))).toBe('truncated')
    expect(code(() => parseJson(`${whole}}]<`))).toBe('protocol')
    expect(code(() => parseJson('['.repeat(100_000)))).toBe('protocol')
    expect(code(() => parseJson('{"a":1e400}'))).toBe('protocol')
    expect(code(() => parseJson(`{${'"a":1,'.repeat(20)}"a":1}`, { keys: 10 }))).toBe('protocol')
  })

  test('own __proto__ and constructor keys are only keys', () => {
    const json = parseJson('{"__proto__":{"cursor":7},"constructor":{"prototype":{"x":1}}}')
    expect(member(json, 'cursor')).toBeUndefined()
    expect(member(json, 'toString')).toBeUndefined()
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })
})

describe('URLs', () => {
  const base = baseUrl('https://drive.example/api/v1')
  const templates = ['/files/{id}', '/sync/download/{id}', '/folders/{id}/children', '/sync/ws/{id}']

  test('keep to their template, whatever the id', () => {
    const ids = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '.',
        '..',
        '',
        '%2e%2e',
        '%2E.',
        '%252e%252e',
        '../..',
        '/',
        '?x=1',
        '#',
        'a/../b',
        '\\',
        'http://evil',
      ),
    )
    fc.assert(
      fc.property(ids, fc.constantFrom(...templates), (id, template) => {
        if (!safeId(id)) return void expect(code(() => urlOf(base, template, { id }))).toBe('protocol')
        const { pathname, origin, search, hash } = urlOf(base, template, { id })
        const [before = '', after = ''] = `/api/v1${template}`.split('{id}')
        expect({ origin, search, hash }).toEqual({ origin: 'https://drive.example', search: '', hash: '' })
        expect(decodeURIComponent(pathname.slice(before.length, pathname.length - after.length))).toBe(id)
      }),
    )
    for (const id of ['.', '..', '', '%2e%2e', '%2E.', '%252e%252e']) expect(safeId(id)).toBe(false)
  })

  test.each([
    'http://drive.example',
    'ftp://x',
    'https://a:b@x',
    'https://x?y',
    'https://x#y',
    'nonsense',
    'http://127.0.0.1.evil.com',
  ])('a base like %s is refused without repeating it', url => {
    expect(code(() => baseUrl(url))).toBe('misconfigured')
    expect(() => baseUrl(url)).toThrow(expect.objectContaining({ message: expect.not.stringContaining(url) }))
  })

  test.each(['http://localhost:8080', 'http://127.0.0.1:1', 'http://[::1]:1'])('loopback may be http: %s', url => {
    expect(code(() => baseUrl(url))).toBe('none')
  })
})

describe('cursors', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter(it => !/\p{Cc}/u.test(it) && wellFormed(it))

  test('come and go byte for byte, as strings and as integers of any size', () => {
    const cursors = fc.oneof(
      text,
      fc.base64String({ minLength: 1 }),
      fc.bigInt(),
      fc.constantFrom(' a ', '+/=', '9007199254740993'),
    )
    fc.assert(
      fc.property(cursors, cursor => {
        const json = typeof cursor === 'bigint' ? String(cursor) : JSON.stringify(cursor)
        const page = readChanges(parseJson(`{"changes":[],"cursor":${json},"has_more":false}`))
        const url = urlOf(baseUrl('https://x'), '/c', {}, { cursor: page.cursor })
        expect(decodeURIComponent(url.search.slice('?cursor='.length))).toBe(String(cursor))
        expect(typeof page.cursor === 'string').toBe(typeof cursor === 'string')
      }),
    )
  })

  test.each([undefined, null, '', true, 1.5, {}, [], 'a\nb', 'x'.repeat(100_001), '\ud800'])('%s is none', cursor => {
    expect(code(() => readCursor(cursor as never))).toBe('protocol')
  })

  test.each([{}, { changes: [] }, { changes: [], cursor: 1 }, { changes: {}, cursor: 1, has_more: true }, null, []])(
    'a page like %o is refused',
    page => expect(code(() => readChanges(page as never))).toBe('protocol'),
  )
})

describe('tokens', () => {
  test('requests that are refused together share one refresh', async () => {
    const asked: boolean[] = []
    let n = 0
    const one = tokens(async ({ refresh }) => {
      asked.push(refresh)
      return refresh ? `fresh-${++n}` : 'old'
    })
    expect(await Promise.all(['old', 'old', 'old'].map(it => one.renew(it)))).toEqual(['fresh-1', 'fresh-1', 'fresh-1'])
    expect(await one.renew('old')).toBe('fresh-1')
    expect(await one.renew('fresh-1')).toBe('fresh-2')
    expect(asked).toEqual([true, true])
  })

  test.each(['', 'a b', 'a\nb', undefined, 'schlüssel'])('%j is no token, and is not repeated', async token => {
    const failed = await tokens(() => token as string)
      .current()
      .catch(error => error)
    expect(failed).toMatchObject({ code: 'needs-auth' })
    expect(failed.cause).toBeUndefined()
    const thrown = await tokens(() => Promise.reject(new Error('secret')))
      .current()
      .catch(error => error)
    expect(`${thrown.message} ${thrown.cause}`).not.toContain('secret')
  })
})

describe('names and ids', () => {
  const device: Device = { id: '2f1c9d0e-0000', name: 'La:p/top*' }
  const at = Date.parse('2026-05-02T08:01:00Z')

  test.each([
    ['report.txt', false, [], 'report (conflicted copy Laptop 2026-05-02 080100).txt'],
    ['.bashrc', false, [], '.bashrc (conflicted copy Laptop 2026-05-02 080100)'],
    ['a.tar.gz', false, [], 'a.tar (conflicted copy Laptop 2026-05-02 080100).gz'],
    ['v1.0', true, [], 'v1.0 (conflicted copy Laptop 2026-05-02 080100)'],
    [
      'a.txt',
      false,
      ['A (CONFLICTED COPY laptop 2026-05-02 080100).TXT'],
      'a (conflicted copy Laptop 2026-05-02 080100) 2.txt',
    ],
  ])('the copy of %s', (name, folder, siblings, copy) => {
    expect(copyName({ name, folder, at }, siblings, device)).toBe(copy)
  })

  test('an original has at most ten copies, and no name is over 255 bytes', () => {
    const taken: string[] = []
    for (let n = 0; n < 10; n++) taken.push(copyName({ name: 'a.txt', folder: false, at }, taken, device)!)
    expect(new Set(taken).size).toBe(10)
    expect(copyName({ name: 'a.txt', folder: false, at }, taken, device)).toBeUndefined()
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 255 }),
        fc.string({ unit: 'binary', maxLength: 80 }),
        (name, label) => {
          const copy = copyName({ name, folder: true, at }, [], { id: 'abcdefgh-1', name: label })!
          expect(new TextEncoder().encode(copy).length).toBeLessThanOrEqual(255)
        },
      ),
    )
    const long: string[] = []
    for (let n = 0; n < 10; n++)
      long.push(copyName({ name: `${'ü'.repeat(120)}.txt`, folder: false, at: at + n * 1000 }, long, device)!)
    expect(copyName({ name: `${'ü'.repeat(120)}.txt`, folder: false, at }, long, device)).toBeUndefined()
  })

  test('names are the same in any case and composition', () => {
    expect(sameName('Ä.TXT', 'a\u0308.txt')).toBe(true)
    expect(sameName('straße', 'STRASSE')).toBe(true)
    expect(sameName('a', 'b')).toBe(false)
  })

  test('minted ids have the form that the server asks for, and differ where changes differ', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), fc.uuid(), (odd, uuid) => {
        for (const id of [odd, uuid]) expect(mintable(mintId('file', id), 'file')).toBe(true)
        expect(mintId('folder', uuid)).toBe(`fld_${uuid}`)
        expect(mintId('file', uuid, '-copy')).not.toBe(mintId('file', uuid))
      }),
    )
  })

  test.each([
    [{ name: 'a/b' }, true],
    [{ name: '..' }, true],
    [{ name: 'x'.repeat(256) }, true],
    [{ sha256: 'ABC' }, true],
    [{ size: -1 }, true],
    [{ modifiedAt: Number.MAX_VALUE }, true],
    [{ kind: 'share' }, true],
    [{ color: 'red' }, true],
    [{}, false],
  ])('a row with %o is wrong: %s', (field, wrong) => {
    const row = {
      share: 's',
      parent: 's',
      name: 'a',
      kind: 'file',
      size: 0,
      sha256: '0'.repeat(64),
      mime: 'a/b',
      modifiedAt: 0,
    }
    expect(treeFault({ ...row, ...field } as never) !== undefined).toBe(wrong)
  })
})

describe('shards', () => {
  const field = fc.letrec(tie => ({
    field: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, true, 1.5, -3, 1e16, -(2 ** 60), 1e300, 5e-324),
      fc.bigInt(),
      fc.string({ unit: 'binary' }).filter(wellFormed),
      fc.uint8Array().map(bytes => new Uint8Array(bytes)),
      fc.array(tie('field'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('$int', '$bytes', '$raw', '__proto__', 'constructor', 'a'), tie('field'), {
        maxKeys: 2,
      }),
    ),
  })).field
  const entry = fc.record({
    id: fc.string({ minLength: 1 }),
    v: fc.uuid(),
    at: fc.record({ time: fc.nat(), device: fc.string() }),
    value: fc.dictionary(fc.string(), field, { maxKeys: 4 }),
  })

  test('come back as they were written, in the same bytes whatever the order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: it => it.id, maxLength: 6 }), entries => {
        const shard = new Map(entries.map(it => [it.id, it])) as unknown as Shard
        const bytes = writeShard(shard)
        expect(readShard(bytes)).toEqual(shard)
        expect(writeShard(new Map([...shard].reverse()))).toEqual(bytes)
      }),
    )
  })

  test.each([
    '',
    '{}',
    '[1]',
    '[{"id":"a"}]',
    '[{"id":"a","v":"1","at":{"time":1,"device":"d"},"value":7}]',
    '[{"id":"a","v":"1","at":{"time":1,"device":"d"},"value":{"x":{"$int":"x"}}}]',
    '[{"id":"a","v":"1","at":{"time":1,"device":"d"},"value":{"x":{"$bytes":"*"}}}]',
    '[{"id":"a","v":"1","at":{"time":1,"device":"d"},"value":{}},{"id":"a","v":"1","at":{"time":1,"device":"d"},"value":{}}]',
  ])('%s is no shard', text => {
    expect(readShard(new TextEncoder().encode(text))).toBeUndefined()
  })

  test('a record lives in the shard that its hash says', () => {
    expect(shardOf('ff', 16)).toBe(15)
    expect(shardOf('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824', 16)).toBe(4)
  })
})
