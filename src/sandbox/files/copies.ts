import { childNamed, childrenOf } from './paths.ts'
import type { State } from './state.ts'

const MOST = 10

export type CopyOf = {
  readonly share_id: string
  readonly parent_id: string | null
  readonly name: string
  readonly folder: boolean
  readonly device_name: string
  readonly device_id: string
  readonly at: number
}

/** The conflicted name that is free, or undefined when the original has had its copies. */
export function copyName(state: State, copy: CopyOf): string | undefined {
  const { stem, ext } = split(copy.name, copy.folder)
  const siblings = childrenOf(state, copy.share_id, copy.parent_id)
  const earlier = siblings.filter(it => it.name.startsWith(`${stem} (conflicted copy `) && it.name.endsWith(ext))
  if (earlier.length >= MOST) return undefined

  const stamp = new Date(copy.at).toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '')
  const bracket = ` (conflicted copy ${deviceLabel(copy)} ${stamp})`
  for (let n = 1; ; n++) {
    const name = fitted(stem, `${bracket}${n === 1 ? '' : ` ${n}`}${ext}`)
    if (!childNamed(state, copy.share_id, copy.parent_id, name)) return name
  }
}

function split(name: string, folder: boolean): { readonly stem: string; readonly ext: string } {
  const dot = name.lastIndexOf('.')
  return folder || dot <= 0 ? { stem: name, ext: '' } : { stem: name.slice(0, dot), ext: name.slice(dot) }
}

function deviceLabel({ device_name, device_id }: CopyOf): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go.
  const label = [...device_name.replace(/[/\\:*?"<>|\u0000-\u001f\u007f]/g, '')].slice(0, 40).join('').trim()
  return label || device_id.slice(0, 8)
}

/** Cuts the stem, on a code point, until the whole name has room in 255 bytes. */
function fitted(stem: string, tail: string): string {
  const points = [...stem]
  while (points.length > 1 && bytes(points.join('') + tail) > 255) points.pop()
  return points.join('') + tail
}

const bytes = (text: string): number => new TextEncoder().encode(text).length
