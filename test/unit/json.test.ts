import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

const odd = {
  big: -(2n ** 64n),
  bytes: new Uint8Array([0, 255, 1]),
  none: new Uint8Array(),
  much: new Uint8Array(70_001).map((_, at) => at % 251),
  $int: '5',
  deep: [{ $bytes: 'x' }, { $$int: 1 }, { $int: { $int: '1' } }],
}

test.each(['Node', 'a browser'])('what JSON cannot say comes back as it was, in %s', async where => {
  if (where === 'a browser') vi.stubGlobal('Buffer', undefined)
  vi.resetModules()
  const { toText, fromText } = await import('../../src/json.ts')
  const text = toText(odd)
  expect(fromText(text)).toEqual(odd)
  vi.unstubAllGlobals()
  expect(JSON.parse(text).bytes).toEqual({ $bytes: 'AP8B' })
})
